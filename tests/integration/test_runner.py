"""The runner, one suite of behaviour over the embedded broker and a real one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

import pytest
from confluent_kafka.cimpl import Message

from connectors.kafka import KafkaSettings
from processors.running.policies import DlqPolicy, RetryPolicy, TooManyDeadLetters
from processors.running.runner import Runner, RunnerOptions
from schemas.cloudevents import decode_headers
from schemas.errors import Missing
from schemas.facts import Failed
from schemas.messages import Control
from schemas.topics import DEAD_LETTER, ENCODE, PROGRESS
from tests.integration.kafka_support import embedded_settings, read_all, real_settings
from tests.integration.toy import Toy, ToyDone, ToyTask, cancel, publish, running
from tests.servers.base import ROOT, wait_until
from tests.servers.kafka_server import KafkaServer

FAST = RunnerOptions(retry=RetryPolicy(first=0.02, most=0.1, budget=1.0))


@pytest.fixture(params=["embedded", "kafka"])
def settings(request: pytest.FixtureRequest, topic_prefix: str) -> Iterator[KafkaSettings]:
    """A broker with our topics and a group of our own."""
    if request.param == "embedded":
        broker, settings = embedded_settings(topic_prefix)
        yield settings
        broker.close()
    else:
        protocol: Literal["classic", "consumer"] = "classic" if request.param == "classic" else "consumer"
        yield real_settings(request.getfixturevalue("kafka_bootstrap"), topic_prefix, protocol)


EVERY_GROUP = pytest.mark.parametrize("settings", ["embedded", "kafka", "classic"], indirect=True)
"""Also with the group protocol of brokers before Kafka 4."""


def jobs(count: int, start: int = 0, seconds: float = 0.0) -> list[ToyTask]:
    """Tasks of jobs j0, j1, …"""
    return [ToyTask(job_id=f"j{number}", seconds=seconds) for number in range(start, start + count)]


def done(settings: KafkaSettings, count: int, timeout: float = 20) -> list[str]:
    """The jobs told as done, once there are `count` different ones."""

    def names(messages: list[Message]) -> list[str]:
        return [ToyDone.decode(m.value() or b"").job_id for m in messages if _type(m) == ToyDone.TYPE]

    enough: Callable[[list[Message]], bool] = lambda found: len(set(names(found))) >= count  # noqa: E731
    return names(read_all(settings, PROGRESS, enough, timeout))


def failures(settings: KafkaSettings, count: int) -> list[Failed]:
    """The failures told, once there are `count`."""
    found = read_all(settings, PROGRESS, lambda found: [_type(m) for m in found].count(Failed.TYPE) >= count)
    return [Failed.decode(m.value() or b"") for m in found if _type(m) == Failed.TYPE]


def _type(message: Message) -> str | None:
    return decode_headers(message.headers()).type


@EVERY_GROUP
def test_every_message_is_handled_once_and_not_again_after_a_restart(settings: KafkaSettings) -> None:
    """What one runner handled is committed: the next one begins behind it."""
    publish(settings, *jobs(20))
    first, second = Toy(), Toy()
    with running(settings, first):
        done(settings, 20)
    publish(settings, *jobs(1, start=20))
    with running(settings, second):
        told = done(settings, 21)
    assert sorted(told) == sorted(f"j{number}" for number in range(21))
    assert set(second.handled) == {"j20"}


def test_outputs_say_where_they_come_from(settings: KafkaSettings) -> None:
    """What a stage publishes carries its type, a repeatable id, its source and a trace."""
    publish(settings, *jobs(1))
    with running(settings, Toy()):
        done(settings, 1)
    (message,) = read_all(settings, PROGRESS, lambda found: len(found) == 1)
    headers = decode_headers(message.headers())
    assert (headers.type, headers.version) == ("toy.done", "1")
    assert (headers.id or "").startswith("j0:toy.done:")
    assert headers.source == "exportstream/encode"
    assert headers.time is not None
    assert headers.traceparent is not None


def test_garbage_is_a_dead_letter_and_the_next_message_is_handled(settings: KafkaSettings) -> None:
    """Bytes that are no message go to the dead-letter topic with the reason and where they were."""
    publish(settings, b"\xff not json", b"{}", *jobs(1), key="one-partition")
    with running(settings, Toy()):
        done(settings, 1)
        letters = read_all(settings, DEAD_LETTER, lambda found: len(found) == 2)
    assert [letter.value() for letter in letters] == [b"\xff not json", b"{}"]
    assert {letter.key() for letter in letters} == {b"one-partition"}
    headers = dict(letters[0].headers() or [])
    assert headers["dlq_code"] == b"invalid_json"
    assert headers["dlq_topic"] == ENCODE.encode()
    assert headers["dlq_offset"] == b"0"
    assert headers["ce_type"] == ToyTask.TYPE.encode()


def test_a_deterministic_failure_is_told_at_once(settings: KafkaSettings) -> None:
    """Bad input is not tried again; the job's owner reads the code, the sentence and the path."""
    toy = Toy()
    publish(settings, ToyTask(job_id="j0", act="bad"))
    with running(settings, toy):
        (fact,) = failures(settings, 1)
    assert (fact.error.code, fact.error.message, fact.error.path) == (
        "bad_colour",
        "No such colour.",
        "slides[0]",
    )
    assert toy.handled["j0"] == 1


def test_an_unexpected_error_fails_the_job_and_not_the_worker(settings: KafkaSettings) -> None:
    """A bug in a stage is told as internal_error, and the next message of the partition is handled."""
    publish(settings, ToyTask(job_id="j0", act="bug"), *jobs(1, start=1), key="one-partition")
    with running(settings, Toy()):
        done(settings, 1)
        (fact,) = failures(settings, 1)
    assert fact.error.code == "internal_error"


def test_an_output_that_the_broker_will_never_take_fails_the_job(settings: KafkaSettings) -> None:
    """A message that is too large is the job's failure, told by a small one."""
    publish(settings, ToyTask(job_id="j0", act="huge"))
    with running(settings, Toy()):
        (fact,) = failures(settings, 1)
    assert fact.error.code == "message_too_large"


def test_an_infrastructure_fault_is_tried_again(settings: KafkaSettings) -> None:
    """A store that comes back within the budget costs the job nothing."""
    toy = Toy()
    publish(settings, ToyTask(job_id="j0", act="flaky"))
    with running(settings, toy, options=FAST):
        done(settings, 1)
    assert toy.handled["j0"] == 3


def test_an_infrastructure_fault_beyond_the_budget_fails_the_job(settings: KafkaSettings) -> None:
    """When the budget is spent the owner is told what was unavailable."""
    publish(settings, ToyTask(job_id="j0", act="away"))
    with running(settings, Toy(), options=FAST):
        (fact,) = failures(settings, 1)
    assert fact.error.code == "store_unavailable"


def test_live_progress_is_seen_while_the_task_goes_on(settings: KafkaSettings) -> None:
    """What a task emits is published at once, not when the task ends."""
    publish(settings, ToyTask(job_id="j0", act="live", seconds=2.0))
    toy = Toy()
    with running(settings, toy):
        done(settings, 1)
        assert toy.running == 1


def test_cancelling_stops_what_runs_and_drops_what_waits(settings: KafkaSettings) -> None:
    """Within 2 s of the order nothing of the job runs; its other messages are skipped."""
    toy = Toy(concurrency=1)
    long = ToyTask(job_id="j0", seconds=60.0)
    publish(settings, long, long, *jobs(1, start=1), key="one-partition")
    with running(settings, toy):
        wait_until(lambda: toy.running == 1, "the task runs")
        ordered = time.monotonic()
        cancel(settings, Control(job_id="j0"))
        assert done(settings, 1) == ["j1"]
        assert time.monotonic() - ordered < 2.0
    assert toy.handled == {"j0": 1, "j1": 1}


def test_an_order_given_before_the_worker_started_counts(settings: KafkaSettings) -> None:
    """A worker reads old orders first, and drops messages of jobs that were cancelled meanwhile."""
    cancel(settings, Control(job_id="j0"))
    publish(settings, *jobs(2), key="one-partition")
    toy = Toy()
    with running(settings, toy):
        done(settings, 1)
    assert toy.handled == {"j1": 1}


def test_somebody_elses_job_is_not_cancelled(settings: KafkaSettings) -> None:
    """An order counts for the tenant that gave it."""
    cancel(settings, Control(job_id="j0", tenant="other"))
    publish(settings, *jobs(1))
    with running(settings, Toy()):
        assert done(settings, 1) == ["j0"]


def test_a_stopping_worker_finishes_what_is_short(settings: KafkaSettings) -> None:
    """A task that ends within the grace is finished and committed, and nothing new is begun."""
    toy = Toy(concurrency=1)
    publish(settings, *jobs(3, seconds=1.0), key="one-partition")
    with running(settings, toy):
        wait_until(lambda: toy.running == 1, "a task runs")
    assert toy.handled == {"j0": 1}
    other = Toy()
    with running(settings, other):
        assert sorted(done(settings, 3)) == ["j0", "j1", "j2"]
    assert other.handled == {"j1": 1, "j2": 1}


@EVERY_GROUP
def test_a_stopping_worker_hands_back_what_is_long(settings: KafkaSettings) -> None:
    """A long task is given up and not committed: another worker begins it anew."""
    toy, other = Toy(), Toy()
    publish(settings, ToyTask(job_id="j0", seconds=3.0))
    with running(settings, toy, options=RunnerOptions(grace=0.3)):
        wait_until(lambda: toy.running == 1, "the task runs")
        began = time.monotonic()
    assert time.monotonic() - began < 2.9
    assert toy.running == 0
    with running(settings, other):
        assert done(settings, 1) == ["j0"]
    assert other.handled == {"j0": 1}


def test_a_task_that_hangs_does_not_keep_the_worker_from_stopping(settings: KafkaSettings) -> None:
    """Beyond its grace stopping takes 3 s at most, even when a task looks at nothing."""
    toy = Toy()
    publish(settings, ToyTask(job_id="j0", seconds=5.0, act="hang"))
    with running(settings, toy, options=RunnerOptions(grace=0.5)):
        wait_until(lambda: toy.running == 1, "the task runs")
        began = time.monotonic()
    assert time.monotonic() - began < 3.5
    assert toy.running == 1


def test_several_messages_of_a_partition_run_when_the_stage_allows_it(settings: KafkaSettings) -> None:
    """A stage that waits for networks has as many in flight as its concurrency says."""
    toy = Toy(concurrency=5, unordered=True)
    publish(settings, *jobs(20, seconds=0.2), key="one-partition")
    with running(settings, toy):
        done(settings, 20)
    assert toy.most_running == 5


def test_messages_of_a_partition_run_one_after_the_other(settings: KafkaSettings) -> None:
    """An ordered stage has one message of a partition in flight, whatever its concurrency."""
    toy = Toy(concurrency=5)
    publish(settings, *jobs(10, seconds=0.02), key="one-partition")
    with running(settings, toy):
        assert done(settings, 10) == [f"j{number}" for number in range(10)]
    assert toy.most_running == 1


def test_more_than_the_buffer_holds_is_handled(settings: KafkaSettings) -> None:
    """Partitions are paused and resumed, and nothing is lost or handled twice by that."""
    toy = Toy()
    publish(settings, *jobs(400, seconds=0.002))
    with running(settings, toy):
        told = done(settings, 400)
    assert len(told) == 400
    assert set(toy.handled.values()) == {1}


@EVERY_GROUP
def test_workers_that_come_and_go_lose_nothing(settings: KafkaSettings) -> None:
    """While messages flow a second worker joins and the first leaves: every job is done."""
    publish(settings, *jobs(150, seconds=0.05))
    first, second = Toy(concurrency=2), Toy(concurrency=2)
    with running(settings, first):
        wait_until(lambda: sum(first.handled.values()) > 5, "the first works")
        leaving = threading.Event()
        with running(settings, second):
            wait_until(lambda: sum(second.handled.values()) > 5, "the second works")
            with running(settings, Toy(concurrency=2)):
                leaving.set()
            assert set(done(settings, 150, timeout=40)) == {f"j{number}" for number in range(150)}
    assert sum(first.handled.values()) < 150


def test_too_many_dead_letters_stop_the_worker(settings: KafkaSettings) -> None:
    """A worker that can read next to nothing ends with a sentence instead of draining the topic."""
    publish(settings, *[b"garbage"] * 50, key="one-partition")
    runner = Runner(settings, [Toy()], options=RunnerOptions(dlq=DlqPolicy(most=5, window=10)))
    with pytest.raises(TooManyDeadLetters, match="dead letters"):
        runner.run()
    assert len(read_all(settings, DEAD_LETTER, lambda found: len(found) >= 6)) < 20


def test_a_worker_knows_how_it_is(settings: KafkaSettings) -> None:
    """A working runner is alive, its loop goes round and its partitions are assigned."""
    toy = Toy()
    with running(settings, toy) as runner:
        publish(settings, *jobs(1, seconds=0.5))
        wait_until(lambda: runner.health().in_flight == 1, "a task is in flight")
        health = runner.health()
        assert health.alive
        assert health.assigned == 4
        assert health.since_poll < 2


def test_missing_topics_are_named_with_what_to_type(kafka_bootstrap: str, topic_prefix: str) -> None:
    """A worker refuses to start when a topic is missing."""
    with pytest.raises(Missing, match="exportstream topics create"):
        Runner(KafkaSettings(kafka_bootstrap, topic_prefix=topic_prefix), [Toy()]).run()


@contextmanager
def _worker(settings: KafkaSettings) -> Iterator[subprocess.Popen[str]]:
    """A worker process that is ready, and gone at the end."""
    arguments = [settings.bootstrap, settings.topic_prefix, settings.group]
    command = [sys.executable, "-m", "tests.integration.toy", *arguments]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while "ready" not in process.stdout.readline():
            assert process.poll() is None
        # What it logs later is nobody's: read it, so that it never waits for a full pipe.
        reader = threading.Thread(target=process.stdout.read)
        reader.start()
        try:
            yield process
        finally:
            process.kill()
            reader.join()


def test_another_worker_finishes_what_a_killed_one_left(kafka_bootstrap: str, topic_prefix: str) -> None:
    """SIGKILL in the middle of a task: its message is handled by whoever is left."""
    settings = real_settings(kafka_bootstrap, topic_prefix)
    with _worker(settings) as killed:
        publish(settings, ToyTask(job_id="live", act="live", seconds=3.0), *jobs(30, seconds=0.1))
        read_all(settings, PROGRESS, lambda found: any(message.key() == b"live" for message in found))
        os.kill(killed.pid, signal.SIGKILL)
    toy = Toy()
    with running(settings, toy):
        told = done(settings, 31, timeout=40)
        wait_until(lambda: toy.handled["live"] == 1 and toy.running == 0, "the task was done again")
    assert set(told) == {"live", *(f"j{number}" for number in range(30))}


def test_sigterm_ends_a_worker_process_in_order(kafka_bootstrap: str, topic_prefix: str) -> None:
    """On SIGTERM a worker process hands back and ends within 10 s with code 0."""
    settings = real_settings(kafka_bootstrap, topic_prefix)
    with _worker(settings) as process:
        publish(settings, ToyTask(job_id="live", act="live", seconds=30.0))
        done(settings, 1)
        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(12) == 0
        assert time.monotonic() - began < 10.0


def test_a_worker_stops_in_time_while_the_broker_is_away(own_kafka: KafkaServer) -> None:
    """Neither the last commit nor leaving the group keeps a worker whose broker is gone."""
    settings = real_settings(own_kafka.bootstrap, "")
    toy = Toy()
    publish(settings, *jobs(20, seconds=0.2))
    with running(settings, toy, options=RunnerOptions(grace=1.0)):
        wait_until(lambda: sum(toy.handled.values()) > 3, "work is under way")
        own_kafka.stop(kill=True)
        began = time.monotonic()
    assert time.monotonic() - began < 5.0


@pytest.mark.parametrize("kill", [False, True])
def test_a_broker_that_restarts_in_the_middle_loses_nothing(own_kafka: KafkaServer, kill: bool) -> None:
    """Workers ride out a broker that is stopped or killed and comes back: every job is done."""
    settings = real_settings(own_kafka.bootstrap, "")
    publish(settings, *jobs(200, seconds=0.05))
    toy = Toy(concurrency=2)
    with running(settings, toy):
        wait_until(lambda: sum(toy.handled.values()) > 10, "work is under way")
        own_kafka.stop(kill=kill)
        time.sleep(1.0)
        own_kafka.start()
        assert set(done(settings, 200, timeout=60)) == {f"j{number}" for number in range(200)}
    other = Toy()
    publish(settings, ToyTask(job_id="last"))
    with running(settings, other):
        done(settings, 201)
    assert set(other.handled) == {"last"}
