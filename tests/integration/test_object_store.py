"""One suite of behaviour for every object store: in memory, on files, and on a real S3 server."""

from __future__ import annotations

import random
import threading
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from connectors.retry import with_retries
from connectors.store.base import ObjectStore
from connectors.store.files import FileStore
from connectors.store.memory import MemoryStore
from connectors.store.s3 import S3Settings, S3Store
from schemas.errors import ExportError, InvalidInput, Missing
from tests.servers.s3_server import S3Server


def s3_store(server: S3Server) -> S3Store:
    """A store in a new bucket of a server."""
    bucket = f"b{uuid.uuid4().hex}"
    store = S3Store(S3Settings(server.endpoint, server.access_key, server.secret_key, bucket))
    store.ensure_bucket()
    return store


@pytest.fixture(params=["memory", "files", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty store of each kind."""
    if request.param == "memory":
        return MemoryStore()
    if request.param == "files":
        return FileStore(tmp_path / "store")
    return s3_store(request.getfixturevalue("s3_server"))


def keys_of(store: ObjectStore, prefix: str) -> list[str]:
    """The keys under a prefix, in the order of the listing."""
    return [info.key for info in store.list(prefix)]


def test_what_is_put_is_what_is_got(store: ObjectStore) -> None:
    """Bytes come back as they were, empty ones and large ones too."""
    for data in (b"", b"x", bytes(range(256)) * 4096):
        store.put("t/a/objects/one", data)
        assert store.get("t/a/objects/one") == data
        assert store.stat("t/a/objects/one").size == len(data)


def test_a_second_put_replaces_the_first(store: ObjectStore) -> None:
    """A key holds what was put last."""
    store.put("k", b"first")
    store.put("k", b"second, longer")
    assert store.get("k") == b"second, longer"


def test_what_is_missing_is_said_to_be_missing(store: ObjectStore, tmp_path: Path) -> None:
    """Each way to read raises Missing at once; deleting what is not there is no error."""
    for read in (store.get, store.open_range, store.stat):
        with pytest.raises(Missing) as caught:
            read("t/a/nothing")
        assert caught.value.code == "object_missing"
    with pytest.raises(Missing):
        store.open_range("t/a/nothing", 3, 4)
    with pytest.raises(Missing):
        store.download("t/a/nothing", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(Missing):
        store.copy("t/a/nothing", "t/a/other")
    assert not store.exists("t/a/nothing")
    assert not store.exists("t/a/other")
    store.delete("t/a/nothing")


@pytest.mark.parametrize(
    ("start", "length"),
    [(0, None), (0, 1), (5, None), (5, 3), (8, 100), (9, 1), (10, 5), (999, None), (3, 0)],
)
def test_a_range_is_that_part(store: ObjectStore, start: int, length: int | None) -> None:
    """From a byte, so many bytes; what lies behind the end is empty."""
    store.put("k", b"0123456789")
    end = None if length is None else start + length
    assert b"".join(store.open_range("k", start, length)) == b"0123456789"[start:end]


def test_a_range_of_an_empty_object_is_empty(store: ObjectStore) -> None:
    """Nothing of nothing is nothing."""
    store.put("k", b"")
    assert b"".join(store.open_range("k")) == b""


def test_a_large_range_comes_in_blocks(store: ObjectStore) -> None:
    """A whole object is never held to hand out a part of it."""
    data = bytes(range(251)) * 12_000
    store.put("k", data)
    blocks = list(store.open_range("k", 1000))
    assert b"".join(blocks) == data[1000:]
    assert max(map(len, blocks)) <= 1 << 20


def test_a_range_may_be_given_up(store: ObjectStore) -> None:
    """Who stops reading leaves nothing open, whether the first block was read or not."""
    store.put("k", bytes(3_000_000))
    unread = store.open_range("k")
    del unread
    begun = store.open_range("k")
    next(begun)
    del begun
    assert len(store.get("k")) == 3_000_000


def test_files_go_in_and_out(store: ObjectStore, tmp_path: Path) -> None:
    """A file is stored and written again, the caller's stays as it is."""
    source, target = tmp_path / "in", tmp_path / "out"
    data = bytes(range(256)) * 80_000
    source.write_bytes(data)
    store.put_file("t/a/film.mp4", source)
    store.download("t/a/film.mp4", target)
    assert target.read_bytes() == data == source.read_bytes()


def test_a_downloaded_file_is_the_callers_own(store: ObjectStore, tmp_path: Path) -> None:
    """What is done to a downloaded file, or to one that was put, does nothing to the object."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(b"object")
    store.put_file("k", source)
    store.download("k", target)
    with target.open("r+b") as file:
        file.write(b"XXXXXX")
    with source.open("r+b") as file:
        file.write(b"YYYYYY")
    assert store.get("k") == b"object"


def test_a_download_replaces_a_file(store: ObjectStore, tmp_path: Path) -> None:
    """An older, longer file of that name is gone."""
    target = tmp_path / "out"
    target.write_bytes(b"something longer")
    store.put("k", b"short")
    store.download("k", target)
    assert target.read_bytes() == b"short"


def test_an_object_says_what_it_is(store: ObjectStore) -> None:
    """Size, time and content type are known without reading."""
    before = datetime.now(UTC) - timedelta(seconds=2)
    store.put("t/a/entry.json", b"{}")
    info = store.stat("t/a/entry.json")
    assert (info.key, info.size, info.content_type) == ("t/a/entry.json", 2, "application/json")
    assert before <= info.modified <= datetime.now(UTC) + timedelta(seconds=2)


@pytest.mark.parametrize(
    ("key", "content_type"),
    [
        ("a.mp4", "video/mp4"),
        ("a.mp3", "audio/mpeg"),
        ("a.json", "application/json"),
        ("a.svg", "image/svg+xml"),
    ],
)
def test_the_type_follows_from_the_key(store: ObjectStore, key: str, content_type: str) -> None:
    """Types that browsers must know are the same on every store."""
    store.put(key, b"x")
    assert store.stat(key).content_type == content_type


def test_a_deleted_object_is_gone(store: ObjectStore) -> None:
    """Deleting one object leaves its neighbours."""
    store.put("t/a/x/one", b"1")
    store.put("t/a/x/two", b"2")
    store.delete("t/a/x/one")
    assert not store.exists("t/a/x/one")
    assert store.get("t/a/x/two") == b"2"
    store.delete("t/a/x/two")
    assert keys_of(store, "t/a/") == []


def test_a_listing_has_what_begins_with_the_prefix(store: ObjectStore) -> None:
    """A prefix is a beginning of keys, not a folder; the order is that of the keys."""
    names = ["t/a/b", "t/a/chunks/x", "t/a/chunks-old/y", "t/a/chunk.json", "t/b/chunks/x", "t/a/ü"]
    for name in reversed(names):
        store.put(name, name.encode())
    assert keys_of(store, "t/a/chunk") == ["t/a/chunk.json", "t/a/chunks-old/y", "t/a/chunks/x"]
    assert keys_of(store, "t/a/chunks/") == ["t/a/chunks/x"]
    assert keys_of(store, "") == sorted(names)
    assert keys_of(store, "nowhere/") == []
    assert {info.size for info in store.list("t/a/b")} == {5}


def test_a_listing_goes_beyond_a_page(store: ObjectStore) -> None:
    """More keys than a server hands out at once are all there, once, in order."""
    for number in range(1100):
        store.put(f"many/{number:05}", b"")
    assert keys_of(store, "many/") == [f"many/{number:05}" for number in range(1100)]


def test_a_copy_lives_on_its_own(store: ObjectStore) -> None:
    """What becomes of the first does nothing to the copy; a copy onto itself or onto a copy is harmless."""
    store.put("t/a/outputs/x.mp4", b"film")
    store.copy("t/a/outputs/x.mp4", "t/a/exports/j/file.mp4")
    store.copy("t/a/outputs/x.mp4", "t/a/exports/j/file.mp4")
    store.put("t/a/outputs/x.mp4", b"another")
    assert store.get("t/a/exports/j/file.mp4") == b"film"
    store.delete("t/a/outputs/x.mp4")
    assert store.get("t/a/exports/j/file.mp4") == b"film"
    assert store.stat("t/a/exports/j/file.mp4").content_type == "video/mp4"
    assert keys_of(store, "") == ["t/a/exports/j/file.mp4"]


MIB = 1 << 20


def block(size: int, seed: int) -> bytes:
    """Bytes that no others are like."""
    return random.Random(seed).randbytes(size)


@pytest.mark.parametrize(
    "sizes",
    [
        [],
        [0],
        [3],
        [0, 5, 0, 7],
        [6 * MIB],
        [100] * 40,
        [8 * MIB, 9 * MIB, 100],
        [100, 6 * MIB, 100, 100, 12 * MIB, 1, 5 * MIB + 3, 4],
        [80 * MIB],
    ],
    ids=str,
)
@pytest.mark.parametrize("head", [0, 1000, 2 * MIB, 7 * MIB])
def test_objects_are_put_together(store: ObjectStore, sizes: list[int], head: int) -> None:
    """A head and objects of any sizes become one object; the sources stay as they are."""
    data = [block(size, number) for number, size in enumerate(sizes)]
    front = block(head, 99)
    for number, content in enumerate(data):
        store.put(f"t/a/parts/é {number}", content)
    store.put("t/a/outputs/film.mp4", b"what was there before")
    store.compose("t/a/outputs/film.mp4", [f"t/a/parts/é {number}" for number in range(len(data))], front)
    is_same = store.get("t/a/outputs/film.mp4") == front + b"".join(data)
    assert is_same
    assert store.stat("t/a/outputs/film.mp4").content_type == "video/mp4"
    assert all(store.stat(f"t/a/parts/é {number}").size == size for number, size in enumerate(sizes))
    assert len(keys_of(store, "")) == len(sizes) + 1


def test_one_object_may_be_put_together_of_another_twice(store: ObjectStore) -> None:
    """A source may be named more than once, and may be the target itself."""
    large = block(6 * MIB, 1)
    store.put("k", large)
    store.compose("k", ["k", "k"], b"head")
    assert store.get("k") == b"head" + large + large


def test_nothing_is_put_together_where_a_source_is_missing(store: ObjectStore) -> None:
    """Missing is raised, and the target is as it was."""
    store.put("large", bytes(6 * MIB))
    store.put("k", b"as it was")
    with pytest.raises(Missing):
        store.compose("k", ["large", "nowhere", "large"])
    assert store.get("k") == b"as it was"
    assert keys_of(store, "") == ["k", "large"]


@pytest.mark.parametrize(
    "key", ["Größe/naïve file (1).png", "文件/视频.mp4", "a+b=c&d?e#f%20g", "x" * 255, "é" * 127]
)
def test_any_name_will_do(store: ObjectStore, key: str) -> None:
    """Scripts, spaces and what means something in addresses are letters like others."""
    store.put(key, b"named")
    assert store.get(key) == b"named"
    assert keys_of(store, "") == [key]
    store.copy(key, "copy")
    assert store.get("copy") == b"named"


@pytest.mark.parametrize(
    "key", ["", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", ".", "..", "a\0b", "a\nb", "y" * 256,
            "é" * 128, "a/" * 600 + "b", "\ud800"]
)  # fmt: skip
def test_a_name_that_not_every_store_could_hold_is_refused(store: ObjectStore, key: str) -> None:
    """Keys that lead elsewhere, or are too long, are the caller's mistake."""
    for call in (store.get, store.exists, store.delete, lambda k: store.put(k, b"")):
        with pytest.raises(InvalidInput) as caught:
            call(key)
        assert not isinstance(caught.value, Missing)


def test_readers_never_see_half_an_object(store: ObjectStore) -> None:
    """While writers replace an object, each reader gets one writer's bytes, whole."""
    store.put("k", bytes(200_000))
    stop = threading.Event()

    def write(value: int) -> None:
        while not stop.is_set():
            store.put("k", bytes([value]) * 200_000)

    writers = [threading.Thread(target=write, args=(value,)) for value in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(60):
            data = store.get("k")
            assert len(data) == 200_000
            assert len(set(data)) == 1
    finally:
        stop.set()
        for writer in writers:
            writer.join()


def test_threads_put_and_delete_side_by_side(store: ObjectStore) -> None:
    """Emptying folders and filling them at the same time loses nothing and raises nothing."""
    errors: list[ExportError] = []

    def work(name: str) -> None:
        patient = with_retries(store)  # the S3 server too may lose a folder under its feet, and says so
        try:
            for number in range(40):
                patient.put(f"deep/er/{number % 3}/{name}", b"1")
                patient.delete(f"deep/er/{number % 3}/{name}")
        except ExportError as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


@pytest.fixture
def s3(s3_server: S3Server) -> S3Store:
    """A store on the real server."""
    return s3_store(s3_server)


def test_a_presigned_address_hands_the_file_out_under_its_name(s3: S3Store) -> None:
    """Anybody with the address gets the bytes, by range too, and the browser is told the name."""
    s3.put("t/a/exports/j/file.mp4", b"0123456789")
    url = s3.presign("t/a/exports/j/file.mp4", 60, 'Größe "1" €.mp4')
    assert url is not None
    answer = httpx.get(url, headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")
    assert answer.headers["content-type"] == "video/mp4"
    assert (
        "filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22%20%E2%82%AC.mp4" in answer.headers["content-disposition"]
    )
    assert httpx.get(url.replace("file.mp4", "fiIe.mp4")).status_code == 403


def test_a_large_file_goes_in_parts(s3: S3Store, tmp_path: Path) -> None:
    """Forty MiB are stored part by part and come back the same."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.write_bytes(bytes(range(256)) * (40 << 12))
    s3.put_file("large", source)
    s3.download("large", target)
    assert target.read_bytes() == source.read_bytes()


def test_a_large_object_is_copied_in_parts(s3: S3Store) -> None:
    """Seventy MiB are copied by the server, side by side, and stay what they are."""
    data = block(70 << 20, 5)
    s3.put("large", data, "video/webm")
    s3.copy("large", "copy")
    is_same = s3.get("copy") == data
    assert is_same
    assert s3.stat("copy").content_type == "video/webm"


def test_a_bucket_is_made_once(s3: S3Store) -> None:
    """Making the bucket again changes nothing."""
    s3.put("k", b"kept")
    s3.ensure_bucket()
    assert s3.get("k") == b"kept"
