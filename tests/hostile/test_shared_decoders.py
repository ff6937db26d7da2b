"""Slow and broken files of one tenant: they cost their owner, and hold nobody else up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from connectors import decoder as module
from connectors.assets import AssetSource
from connectors.decoder import SandboxedDecoder
from connectors.places import Places
from connectors.store.memory import MemoryStore
from processors.assets import AssetGatherer
from processors.running.backlog import Backlog, Record
from processors.running.backlog import Limits as Share
from schemas.checks import nothing
from schemas.errors import Cancelled, InvalidInput
from schemas.limits import Limits
from tests.acceptance.media import inline, picture
from tests.hostile.probe import LIMITS, PROBE, needs_walls
from tests.servers.base import wait_until
from tests.unit.builders import image, project, slide
from tests.unit.processors.stream import InProcessDecoder, Stream

FOREVER = {"op": "probe", "code": "while True: pass"}
NOW = {"op": "probe", "code": ""}


class Stopped(Exception):
    """What a test's check raises at its end."""


@needs_walls
def test_one_tenants_slow_files_do_not_delay_another(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """All decoders are busy for as long as they may be, with more waiting: another tenant's is decoded."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", PROBE))
    pool, stop = SandboxedDecoder(2, LIMITS, tmp_path), threading.Event()
    begun = threading.Semaphore(0)

    def check() -> None:
        begun.release()
        if stop.is_set():
            raise Stopped

    def slow() -> None:
        with suppress(Stopped):
            pool.of("slow").run(FOREVER, check)

    with ThreadPoolExecutor(8) as threads:
        try:
            running = [threads.submit(slow) for _ in range(8)]
            for _ in range(20):
                begun.acquire()
            assert pool.of("other").run(NOW)["ok"]
            assert not any(one.done() for one in running)
        finally:
            stop.set()
    pool.close()
    assert list(tmp_path.iterdir()) == []


@needs_walls
def test_a_job_has_so_many_seconds_of_decoders(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """When they are used up a file that runs is stopped and the next one refused; another job goes on."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", PROBE))
    pool = SandboxedDecoder(1, LIMITS, tmp_path)
    share = pool.of("a", 0.5)
    for job in (FOREVER, NOW):
        with pytest.raises(InvalidInput, match="longer to decode") as caught:
            share.run(job)
        assert caught.value.code == "limit_exceeded"
    assert pool.of("a", 5.0).run(NOW)["ok"]
    pool.close()


class Endless(InProcessDecoder):
    """A decoder that takes for ever, until its job is called off, over all pictures but the broken one."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ended = 0

    def run(self, job: Mapping[str, Any], check: Callable[[], None]) -> dict[str, Any]:
        """Broken files are refused once others are being decoded."""
        if Path(job["path"]).read_bytes().startswith(b"broken"):
            self.begun.acquire()
            raise InvalidInput("broken_image", "The picture is damaged.")
        self.begun.release()
        try:
            while True:
                check()
        except Cancelled:
            self.ended += 1
            raise


def test_the_first_bad_file_ends_the_work_on_the_rest(tmp_path: Path) -> None:
    """What comes after it is neither decoded to its end nor begun."""
    pictures = [image(inline(picture(number + 1), "image/png")) for number in range(20)]
    film = project(slides=[slide(1.0, image(inline(b"broken", "image/png")), *pictures)])
    store, decoder = MemoryStore(), Endless()
    gatherer = AssetGatherer(store, AssetSource(store), decoder, Limits(), tmp_path)
    with pytest.raises(InvalidInput) as caught:
        gatherer.gather(film, "default", {"image"}, None, Stream(tmp_path).context())
    assert (caught.value.code, caught.value.path) == ("broken_image", "slides[0].elements[0].src")
    assert 1 <= decoder.ended <= 8


def test_places_go_to_who_holds_the_fewest_and_used_the_least() -> None:
    """Of two tenants who wait, the one that used less gets the next place, whoever came first."""
    now = [0.0]
    places = Places(2, 0, lambda: now[0])
    order: list[str] = []

    def use(tenant: str) -> None:
        with places.of(tenant, nothing):
            order.append(tenant)

    with ThreadPoolExecutor(4) as threads, places.of("third", nothing), ExitStack() as held:
        with places.of("heavy", nothing):
            now[0] += 10.0
        with places.of("light", nothing):
            now[0] += 1.0
        held.enter_context(places.of("fourth", nothing))
        threads.submit(use, "heavy")
        wait_until(lambda: _waiting(places) == 1, "the first to wait", 5)
        threads.submit(use, "light")
        wait_until(lambda: _waiting(places) == 2, "the second to wait", 5)
        held.close()
    assert order == ["light", "heavy"]


def _waiting(places: Places) -> int:
    with places._changed:
        return sum(len(tenant.waiting) for tenant in places._tenants.values())


def test_places_forget_who_went() -> None:
    """Ten thousand tenants who came once take no memory, nor does one who gave up waiting."""
    places = Places(1, 0)

    def give_up() -> None:
        raise Stopped

    for number in range(10_000):
        with places.of(f"tenant-{number}", nothing):
            if number % 100 == 0:
                with pytest.raises(Stopped), places.of("another", give_up):
                    pass
    assert not places._tenants


def test_plans_of_one_tenant_leave_room_for_others() -> None:
    """A tenant runs no more than its share at once; who comes later goes past those that wait."""
    backlog = Backlog({"t": Share(concurrency=4, unordered=True, share=2)})
    backlog.assign([("t", 0)])
    for offset, key in enumerate([b"a/1", b"a/2", b"a/3", b"a/4", b"b/1"]):
        backlog.add(Record("t", 0, offset, key, b""))
    claims = [backlog.claim() for _ in range(3)]
    assert [claim.record.key for claim in claims if claim] == [b"a/1", b"a/2", b"b/1"]
    assert backlog.commits() == {}
    first = claims[0]
    assert first is not None
    backlog.finish(first, handled=True)
    again = backlog.claim()
    assert again is not None
    assert again.record.key == b"a/3"
    assert backlog.commits() == {("t", 0): 1}
