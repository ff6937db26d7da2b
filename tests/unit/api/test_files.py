"""Downloads, whole and in part, and uploads."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.store.memory import MemoryStore
from producer_api.ranges import ByteRange, Unsatisfiable, content_disposition, parse_range
from producer_api.views import ExportView, FileList
from schemas.facts import MOST_FILES_TOLD, Completed, Result, ResultFile
from schemas.limits import Limits
from tests.unit.api.harness import FILE, NOW, SHA256, World, failed, world
from tests.unit.api.test_exports import begin, cancelled

SIZE = len(FILE)


@pytest.fixture
def file(api: World) -> str:
    """The address of a finished export's file."""
    job_id = begin(api)
    api.complete(job_id)
    return f"/v1/exports/{job_id}/file"


def test_a_file_is_downloaded_whole(api: World, file: str) -> None:
    """With its length, type, name, and a tag that is its hash."""
    answer = api.get(file)
    assert (answer.status_code, answer.content) == (200, FILE)
    assert answer.headers["content-length"] == str(SIZE)
    assert answer.headers["content-type"] == "video/mp4"
    assert answer.headers["content-disposition"] == 'attachment; filename="Launch.mp4"'
    assert answer.headers["etag"] == f'"{SHA256}"'
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["last-modified"] == "Thu, 01 Jan 2026 12:01:00 GMT"


def test_head_tells_the_same_without_the_file(api: World, file: str) -> None:
    """HEAD has GET's headers and no body; a range means nothing to it."""
    head, get = api.request("HEAD", file, headers={"Range": "bytes=0-1"}), api.get(file)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == get.headers


@pytest.mark.parametrize(
    ("header", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("Bytes=100-", 100, SIZE),
        ("bytes=-100", SIZE - 100, SIZE),
        ("bytes=-99999999", 0, SIZE),
        (f"bytes=1-{10**18}", 1, SIZE),
    ],
)
def test_a_part_is_206(api: World, file: str, header: str, start: int, end: int) -> None:
    """One range gives that part, cut at the file's end."""
    answer = api.get(file, headers={"Range": header})
    assert (answer.status_code, answer.content) == (206, FILE[start:end])
    assert answer.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"
    assert answer.headers["content-length"] == str(end - start)


@pytest.mark.parametrize("header", ["bytes=0-1,5-6", "bytes=5-1", "bytes=-", "pages=1-2", "bytes=a-b", ""])
def test_a_range_that_is_not_understood_is_the_whole_file(api: World, file: str, header: str) -> None:
    """Several ranges and nonsense are answered with everything, as RFC 9110 allows."""
    answer = api.get(file, headers={"Range": header})
    assert (answer.status_code, answer.content) == (200, FILE)


@pytest.mark.parametrize("header", [f"bytes={SIZE}-", "bytes=-0", f"bytes={10**18}-"])
def test_a_range_beyond_the_end_is_416(api: World, file: str, header: str) -> None:
    """The problem says how long the file is."""
    answer = api.get(file, headers={"Range": header})
    assert (answer.status_code, answer.json()["code"]) == (416, "range_not_satisfiable")
    assert answer.headers["content-range"] == f"bytes */{SIZE}"


def test_if_range_lets_a_part_through_only_of_the_same_file(api: World, file: str) -> None:
    """By tag or by date; another one means that the whole file is sent."""
    tag, date = f'"{SHA256}"', "Thu, 01 Jan 2026 12:01:00 GMT"
    conditions = [tag, date, '"other"', f"W/{tag}", "Thu, 01 Jan 2026 12:00:00 GMT"]
    headers = [{"Range": "bytes=0-9", "If-Range": condition} for condition in conditions]
    assert [api.get(file, headers=one).status_code for one in headers] == [206, 206, 200, 200, 200]


def test_what_the_caller_has_is_304(api: World, file: str) -> None:
    """If-None-Match with the file's tag spares the download."""
    for condition in (f'"{SHA256}"', f'"x", W/"{SHA256}"', "*"):
        answer = api.get(file, headers={"If-None-Match": condition})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == f'"{SHA256}"'
    assert api.get(file, headers={"If-None-Match": '"other"'}).status_code == 200


def test_a_file_that_is_not_there_says_why(api: World) -> None:
    """409 while the export runs or when it ended without one, 410 when the file was cleaned up."""
    running, broken, stopped, expired = (begin(api) for _ in range(4))
    api.tell(broken, failed(broken))
    api.tell(stopped, cancelled(stopped))
    api.store.delete(api.complete(expired).result.key)  # type: ignore[union-attr]
    answers = [api.get(f"/v1/exports/{job_id}/file") for job_id in (running, broken, stopped, expired)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (409, "export_not_finished"),
        (409, "export_failed"),
        (409, "export_cancelled"),
        (410, "file_expired"),
    ]
    assert "photo.jpg" in answers[1].json()["detail"]


def test_the_manifest_lies_beside_the_file(api: World) -> None:
    """What the file was made of, as JSON."""
    job_id = begin(api)
    assert api.get(f"/v1/exports/{job_id}/manifest").status_code == 409
    api.complete(job_id)
    assert api.get(f"/v1/exports/{job_id}/manifest").json() == {"chunks": []}


class Presigning(MemoryStore):
    """A store that can hand out files itself."""

    def presign(self, key: str, seconds: int, file_name: str) -> str | None:
        """An address elsewhere."""
        return f"https://store.example/{key}?for={seconds}"


def complete_stills(api: World, count: int) -> str:
    """An export that completes with so many pictures; its id."""
    job_id = begin(api, format="png")
    files = []
    for number in range(1, count + 1):
        key, data = f"t/default/exports/{job_id}/slide-{number:03}.png", b"%d" % number
        api.store.put(key, data)
        sha256 = hashlib.sha256(data).hexdigest()
        name = f"Große Reise-slide-{number:03}.png"
        files.append(
            ResultFile(key=key, file_name=name, content_type="image/png", size=len(data), sha256=sha256)
        )
    manifest_key = f"t/default/exports/{job_id}/manifest.json"
    main = files[0].model_dump()
    result = Result(**main, files=tuple(files), file_count=count, manifest_key=manifest_key)
    manifest = {"result": result.model_dump(mode="json")}
    api.store.put(manifest_key, orjson.dumps(manifest))
    fact = Completed(job_id=job_id, tenant="default", at=NOW + timedelta(minutes=1), result=result.told())
    api.tell(job_id, fact)
    return job_id


@pytest.mark.parametrize("count", [1, 3, MOST_FILES_TOLD, MOST_FILES_TOLD + 1])
def test_each_file_of_a_result_is_downloaded_by_its_link(api: World, count: int) -> None:
    """The view says how many and where they are listed; the list is whole, however many there are."""
    job_id = complete_stills(api, count)
    view = api.get(f"/v1/exports/{job_id}").json()
    ExportView.model_validate(view)
    assert (view["result"]["file_count"], view["links"]["files"]) == (count, f"/v1/exports/{job_id}/files")
    assert "t/default/exports" not in str(view)
    listed = api.get(view["links"]["files"])
    FileList.model_validate(listed.json())
    assert "t/default/exports" not in listed.text
    files = listed.json()["files"]
    assert [file["name"] for file in files] == [f"slide-{number:03}.png" for number in range(1, count + 1)]
    for number, file in enumerate(files, 1):
        answer = api.get(file["url"])
        assert (answer.status_code, answer.content) == (200, b"%d" % number)
        assert answer.headers["etag"] == f'"{file["sha256"]}"'
        assert answer.headers["content-type"] == "image/png"
        assert "Gro%C3%9Fe%20Reise" in answer.headers["content-disposition"]
        assert api.request("HEAD", file["url"]).headers["content-length"] == str(file["size"])
    assert api.get(view["links"]["file"]).content == b"1"


def test_a_file_that_a_result_lacks_is_404(api: World) -> None:
    """By name; before the end of the export 409, after the file was swept away 410."""
    job_id = complete_stills(api, 2)
    for name in ("slide-003.png", "manifest.json", "%2E%2E", "x" * 3000):
        answer = api.get(f"/v1/exports/{job_id}/files/{name}")
        assert (answer.status_code, answer.json()["code"]) == (404, "file_not_found")
    api.store.delete(f"t/default/exports/{job_id}/slide-002.png")
    assert api.get(f"/v1/exports/{job_id}/files/slide-002.png").status_code == 410
    running = begin(api)
    for path in ("files", "files/slide-001.png"):
        assert api.get(f"/v1/exports/{running}/{path}").status_code == 409


def test_a_list_of_files_that_was_swept_away_is_410(api: World) -> None:
    """Long lists lie in the manifest."""
    job_id = complete_stills(api, MOST_FILES_TOLD + 1)
    api.store.delete(f"t/default/exports/{job_id}/manifest.json")
    answer = api.get(f"/v1/exports/{job_id}/files")
    assert (answer.status_code, answer.json()["code"]) == (410, "file_expired")


def test_the_store_may_hand_the_file_out_itself(tmp_path: Path) -> None:
    """Where that is configured and the store can, the answer leads there."""
    store = Presigning()
    with world(tmp_path, store=store, presign_seconds=600) as api:
        api.store = store
        job_id = begin(api)
        key = api.complete(job_id).result.key  # type: ignore[union-attr]
        answer = api.get(f"/v1/exports/{job_id}/file")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"https://store.example/{key}?for=600"


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("a b.mp4", 'attachment; filename="a b.mp4"'),
        ("Été.mp4", "attachment; filename=\"_t_.mp4\"; filename*=UTF-8''%C3%89t%C3%A9.mp4"),
        ('a"\\\r\nb%.mp4', "attachment; filename=\"a____b_.mp4\"; filename*=UTF-8''a%22%5C%0D%0Ab%25.mp4"),
    ],
)
def test_names_in_any_script_survive_the_header(name: str, header: str) -> None:
    """RFC 6266: ASCII for old clients, UTF-8 for the others, and nothing that ends a header."""
    assert content_disposition(name) == header


@given(st.integers(1, 10_000), st.integers(0, 12_000), st.integers(0, 12_000))
def test_a_range_is_always_inside_the_file(size: int, first: int, last: int) -> None:
    """Whatever is asked for, what is sent exists."""
    for header in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            part = parse_range(header, size)
        except Unsatisfiable:
            continue
        assert part is None or (part.length > 0 and part.start >= 0 and part.start + part.length <= size)
    assert parse_range("bytes=0-", size) == ByteRange(0, size, size)


def test_an_upload_is_kept_under_its_hash(api: World) -> None:
    """The answer has the key to write into a document; the same file again has the same."""
    data = FILE * 300
    digest = hashlib.sha256(data).hexdigest()
    for method in ("PUT", "POST"):
        answer = api.request(method, "/v1/uploads", params={"filename": "My Photo.JPG"}, content=data)
        assert answer.status_code == 201
        assert answer.json() == {
            "src": f"t/default/uploads/{digest}.jpg",
            "size": len(data),
            "sha256": digest,
        }
    assert api.store.get(f"t/default/uploads/{digest}.jpg") == data


@pytest.mark.parametrize(
    "name", ["", "noextension", "bad.ext en", "../../x", "a.verylongextension", "x.", ".hidden"]
)
def test_an_upload_with_an_odd_name_has_no_extension(api: World, name: str) -> None:
    """Only what looks like an extension becomes part of a key."""
    answer = api.request("PUT", "/v1/uploads", params={"filename": name}, content=b"data")
    assert answer.json()["src"] == f"t/default/uploads/{hashlib.sha256(b'data').hexdigest()}"


def test_an_upload_waits_for_a_disk(tmp_path: Path) -> None:
    """Without a folder to collect it in, an upload is 503 and may be tried again."""
    with world(tmp_path, temp_dir=tmp_path / "nowhere") as api:
        answer = api.request("PUT", "/v1/uploads", content=b"data")
    assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")


def test_uploads_have_limits(tmp_path: Path) -> None:
    """A file that is too large is 413, declared or not, and an empty one 422; nothing is kept."""

    async def parts() -> Any:
        for _ in range(10):
            yield b"x" * 200

    with world(tmp_path, limits=Limits(asset_bytes=1000)) as api:
        answers = [api.request("PUT", "/v1/uploads", content=data) for data in (b"x" * 1001, parts(), b"")]
        fits = api.request("PUT", "/v1/uploads", content=b"x" * 1000)
        assert len(list(api.store.list(""))) == 1
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [
        (413, "too_large"),
        (413, "too_large"),
        (422, "empty_upload"),
    ]
    assert fits.status_code == 201
