"""Foreign files in decoder processes: whatever a file does to its decoder, the next one has a fresh one."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from PIL import Image

from connectors import decoder as module
from connectors.decoder import SandboxedDecoder
from connectors.sandbox import MIB, Limits
from schemas.errors import Cancelled, InvalidInput

MISBEHAVING = """
import json, os, resource, signal, sys, time
for line in sys.stdin:
    job = json.loads(line)
    if job["op"] == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    if job["op"] == "hang":
        time.sleep(60)
    if job["op"] == "grow":
        hog = [bytes(10 ** 8) for _ in range(100)]
    if job["op"] == "babble":
        print("no json", flush=True)
        continue
    if job["op"] == "refuse":
        print(json.dumps({"ok": False, "code": "broken_file", "message": "The file is damaged."}), flush=True)
        continue
    if job["op"] == "burn":
        end = time.process_time() + job["seconds"]
        while time.process_time() < end:
            pass
    print(json.dumps({"ok": True, "pid": os.getpid()}), flush=True)
"""
LIMITS = Limits(memory=1024 * MIB, wall_s=4.0, cpu_s=2)


@pytest.fixture
def decoder(monkeypatch: pytest.MonkeyPatch) -> Iterator[SandboxedDecoder]:
    """One process at a time, whose files do to it what their names say."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", MISBEHAVING))
    pool = SandboxedDecoder(1, LIMITS)
    yield pool
    pool.close()


def test_one_process_decodes_many_files(decoder: SandboxedDecoder) -> None:
    """Starting one for each would cost more than decoding."""
    pids = {decoder.run({"op": "ok"})["pid"] for _ in range(5)}
    assert len(pids) == 1


@pytest.mark.parametrize("op", ["die", "hang", "grow", "babble"])
def test_a_file_that_breaks_its_decoder_is_undecodable(decoder: SandboxedDecoder, op: str) -> None:
    """The file is refused with a sentence; the next file is decoded."""
    before = decoder.run({"op": "ok"})["pid"]
    with pytest.raises(InvalidInput) as caught:
        decoder.run({"op": op})
    assert caught.value.code == "undecodable"
    assert caught.value.message.endswith(".")
    assert decoder.run({"op": "ok"})["pid"] != before


SLOW_READER = """
import json, sys
first, second = sys.stdin.readline(), sys.stdin.readline()
sys.stdout.write('{"ok": true}\\n' + json.dumps({"ok": True, "asked": json.loads(second)}) + "\\n")
sys.stdout.flush()
for line in sys.stdin:
    print(json.dumps({"ok": True, "asked": json.loads(line)}), flush=True)
"""


def test_answers_that_come_together_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """That of `warm` is read with the first file's, by then maybe both lie there; the second is not lost."""
    monkeypatch.setattr(module, "PROGRAM", ("-c", SLOW_READER))
    with closing(SandboxedDecoder(1, LIMITS)) as decoder:
        decoder.warm("image")
        for number in range(3):
            assert decoder.run({"op": "image", "number": number})["asked"]["number"] == number


def test_a_file_that_is_refused_leaves_the_decoder(decoder: SandboxedDecoder) -> None:
    """The decoder's own code and sentence are the owner's; the process goes on."""
    before = decoder.run({"op": "ok"})["pid"]
    with pytest.raises(InvalidInput) as caught:
        decoder.run({"op": "refuse"})
    assert (caught.value.code, caught.value.message) == ("broken_file", "The file is damaged.")
    assert decoder.run({"op": "ok"})["pid"] == before


@pytest.mark.usefixtures("decoder")
def test_processor_time_does_not_add_up_over_files() -> None:
    """A process that used up its limit over many files is replaced, and the file at hand decoded anew."""
    with closing(SandboxedDecoder(1, LIMITS._replace(wall_s=60))) as patient:
        pids = [patient.run({"op": "burn", "seconds": 0.3})["pid"] for _ in range(9)]
    assert len(set(pids)) >= 2


def test_a_decoder_that_somebody_killed_is_replaced(decoder: SandboxedDecoder) -> None:
    """A process that died while idle costs no file."""
    before = decoder.run({"op": "ok"})["pid"]
    os.kill(before, signal.SIGKILL)
    assert decoder.run({"op": "ok"})["pid"] != before


def test_a_decoder_that_was_closed_starts_again(decoder: SandboxedDecoder) -> None:
    """Whoever closes it early, to have its memory back, loses nothing but the start."""
    before = decoder.run({"op": "ok"})["pid"]
    decoder.close()
    decoder.close()
    with pytest.raises(ProcessLookupError):
        os.kill(before, 0)
    assert decoder.run({"op": "ok"})["pid"] != before


def test_a_cancelled_file_is_given_up(decoder: SandboxedDecoder) -> None:
    """The check ends the waiting for a decoder, and the decoding itself; nobody else is harmed."""
    started = threading.Event()

    def check() -> None:
        if started.is_set():
            raise Cancelled("cancelled", "called off")
        started.set()

    begin = time.monotonic()
    with pytest.raises(Cancelled):
        decoder.run({"op": "hang"}, check)
    assert time.monotonic() - begin < 0.8
    assert decoder.run({"op": "ok"})["ok"]


def test_threads_share_the_processes() -> None:
    """More files than processes are decoded, each by one of them."""
    pool = SandboxedDecoder(2)
    try:
        with ThreadPoolExecutor(6) as threads:
            jobs = [{"op": "nothing"} for _ in range(12)]
            answers = [threads.submit(pool.run, job) for job in jobs]
            assert {type(a.exception()) for a in answers} == {InvalidInput}
    finally:
        pool.close()


def picture(size: tuple[int, int]) -> bytes:
    """A JPEG file."""
    file = io.BytesIO()
    Image.linear_gradient("L").resize(size).save(file, "JPEG")
    return file.getvalue()


def test_real_pictures_are_decoded_and_broken_ones_refused(tmp_path: Path) -> None:
    """A JPEG becomes its normal form; a truncated one, a letter and an empty file are refused."""
    pool = SandboxedDecoder(1)
    path, out = tmp_path / "in.png", tmp_path / "out"
    job = {"op": "image", "path": str(path), "out": str(out), "max_width": 64, "max_height": 64}
    whole = picture((640, 480))
    try:
        path.write_bytes(whole)
        assert pool.run(job)["source_width"] == 640
        assert out.stat().st_size > 0
        for broken in (whole[:20], b"a letter", b""):
            path.write_bytes(broken)
            with pytest.raises(InvalidInput):
                pool.run(job)
        path.write_bytes(whole)
        assert pool.run(job)["ok"]
    finally:
        pool.close()
