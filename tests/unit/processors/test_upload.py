"""upload: the file is verified, published, and registered; each job once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import orjson
import pytest

from connectors.store.memory import MemoryStore
from processors.history import KEPT_ENTRIES, StoredProjectHistory, entry, with_entry
from processors.upload import file_name
from renderers.recipes.maker import load
from schemas import keys
from schemas.errors import InvalidInput
from schemas.facts import MOST_FILES_TOLD, Completed, Result, files_of
from schemas.formats import FORMATS
from schemas.messages import UploadTask
from schemas.plan import Expected, OutputFile, Plan
from tests.acceptance.media import inline, picture, tone
from tests.unit.builders import document, image, rect, slide, track
from tests.unit.processors.stream import EPOCH, Stream, sha256

EXPECTED = Expected(duration=0.5, frames=12, fps=24, width=64, height=36)
"""What FILM is to be."""
FILM = document(name="My film", id="p1", slides=[slide(0.25, rect()), slide(0.25)])


class Written(MemoryStore):
    """A store that notes the order in which it was written."""

    def __init__(self) -> None:
        super().__init__()
        self.order: list[str] = []

    def put(self, key: str, data: bytes, content_type: str | None = None) -> None:
        """Keep an object, and its place in the order."""
        self.order.append(key)
        super().put(key, data, content_type)


def test_the_manifest_is_written_last(tmp_path: Path) -> None:
    """It marks a job as done, so everything else is there before it; it says what the file was made of."""
    store = Written()
    stream = Stream(tmp_path, store=store)
    stream.export("job", FILM)
    assert store.order[-1] == keys.manifest_key("default", "job")
    manifest = orjson.loads(store.get(store.order[-1]))
    assert [chunk["key"] for chunk in manifest["chunks"]] == [c.key for c in stream.plan("job").chunks]
    assert manifest["result"]["sha256"] == sha256(stream.file("job"))
    assert manifest["engine_version"]


def test_a_task_that_comes_again_states_the_same_end(tmp_path: Path) -> None:
    """Later, and at another worker: the same words, and nothing is written."""
    stream = Stream(tmp_path)
    stream.export("job", FILM)
    task = next(o for o in stream.sent if isinstance(o.message, UploadTask))
    before = {info.key: info.modified for info in stream.store.list("")}
    stream.handle(task, stream.worker())
    ends = [fact for fact in stream.facts("job") if isinstance(fact, Completed)]
    assert len(ends) == 2
    assert ends[0].encode() == ends[1].encode()
    assert {info.key: info.modified for info in stream.store.list("")} == before


def test_a_video_is_in_the_library_and_in_its_projects_history_once(tmp_path: Path) -> None:
    """Keys that the record had stay; the newest export comes first; a job is noted once."""
    stream = Stream(tmp_path)
    record = keys.project_record_key("c1", "p1")
    stream.store.put(record, orjson.dumps({**FILM, "meta": {"mine": [1], "exports": [{"jobId": "old"}]}}))
    stream.export("job", FILM, customer_id="c1", user_id="u1")
    task = next(o for o in stream.sent if isinstance(o.message, UploadTask))
    stream.store.delete(keys.manifest_key("default", "job"))  # as if the worker had died before it
    stream.handle(task)
    meta = orjson.loads(stream.store.get(record))["meta"]
    assert meta["mine"] == [1]
    assert [e["jobId"] for e in meta["exports"]] == ["job", "old"]
    (library,) = stream.keys("library")
    entry_ = orjson.loads(stream.store.get(library))
    assert (entry_["title"], entry_["customer_id"], entry_["duration"]) == ("My film", "c1", 0.5)
    ends = [fact for fact in stream.facts("job") if isinstance(fact, Completed)]
    assert [end.result.video_id for end in ends] == [entry_["id"]] * 2


@pytest.mark.parametrize(
    "record", [b"not JSON", b"[]", b'{"meta": 3}', b'{"meta": [1]}', b"\xff", b'"x"', b"null"]
)
def test_a_record_that_is_no_project_is_left_alone(record: bytes) -> None:
    """The editor's own file is never made worse."""
    assert with_entry(record, {"jobId": "job"}) == record


def test_history_keeps_the_newest() -> None:
    """At most a hundred entries; what is no entry is dropped."""
    record = orjson.dumps({"meta": {"exports": [{"jobId": str(n)} for n in range(KEPT_ENTRIES)] + [3]}})
    entries = orjson.loads(with_entry(record, {"jobId": "new"}))["meta"]["exports"]
    assert len(entries) == KEPT_ENTRIES
    assert (entries[0]["jobId"], entries[-1]["jobId"]) == ("new", str(KEPT_ENTRIES - 2))


@pytest.mark.parametrize("customer", ["../..", "a\x00", "nobody", "/", ""])
def test_history_of_a_project_that_is_not_there_is_no_failure(tmp_path: Path, customer: str) -> None:
    """Whatever a request called its customer, the finished file is published."""
    job = Stream(tmp_path).export("job", FILM, customer_id=customer)
    assert job.status == "completed"


def test_a_record_that_changes_meanwhile_is_read_again() -> None:
    """What an editor saved while the entry was made is kept."""
    key = keys.project_record_key("c", "p")

    class Edited(MemoryStore):
        """A store in which an editor saves between two readings."""

        saved = False

        def get(self, key: str) -> bytes:
            """The object as it is, then changed."""
            found = super().get(key)
            if not self.saved:
                self.saved = True
                self.put(key, b'{"name": "new"}')
            return found

    store = Edited()
    store.put(key, b'{"name": "old"}')
    StoredProjectHistory(store).record(*finished(customer_id="c", project_id="p"), EPOCH)
    record = orjson.loads(store.get(key))
    assert record["name"] == "new"
    assert [e["jobId"] for e in record["meta"]["exports"]] == ["job"]


def finished(**fields: Any) -> tuple[Plan, Result]:
    """A plan of half a second of film, and its result."""
    given: dict[str, Any] = {
        "job_id": "job",
        "tenant": "default",
        "format": "mp4",
        "settings": {},
        "project_key": "k",
        "stages": ("plan",),
        "parts": (),
        "files": (OutputFile(name="file.mp4", key="k", media_type="video/mp4"),),
        "engine_version": "1",
        "expected": EXPECTED,
    }
    result = Result(key="k", file_name="f.mp4", content_type="video/mp4", size=3, sha256="0" * 64)
    return Plan(**given | fields), result


def test_an_entry_of_the_history_names_the_job() -> None:
    """In the words of the editor's own record."""
    made = entry(*finished(user_id="u"), EPOCH)
    assert (made["jobId"], made["userId"], made["fileSize"]) == ("job", "u", 3)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"duration": 2.0}, "lasts"),
        ({"width": 66}, "64x36"),
        ({"frames": 11}, "12 frames"),
        ({"samples": 1}, "sound is missing"),
    ],
)
def test_a_file_that_is_not_what_was_planned_is_refused(
    film: bytes, fields: dict[str, Any], why: str
) -> None:
    """Length, picture, number of frames and sound are compared; the first difference is named."""
    maker = load("mp4")
    maker.verify(io.BytesIO(film), EXPECTED)
    with pytest.raises(InvalidInput, match=why) as caught:
        maker.verify(io.BytesIO(film), EXPECTED.model_copy(update=fields))
    assert caught.value.code == "output_broken"


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize("data", [b"", b"rubbish" * 100])
def test_rubbish_is_refused(format_: str, data: bytes) -> None:
    """What is no file of its format at all is a broken output, never a traceback."""
    with pytest.raises(InvalidInput) as caught:
        load(format_).verify(io.BytesIO(data), EXPECTED)
    assert caught.value.code == "output_broken"


def test_a_truncated_film_is_refused(film: bytes) -> None:
    """Half a file is no file."""
    with pytest.raises(InvalidInput):
        load("mp4").verify(io.BytesIO(film[: len(film) // 2]), EXPECTED)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The file of FILM."""
    stream = Stream(tmp_path_factory.mktemp("film"))
    stream.export("job", FILM)
    return stream.file("job")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("My film", "My film.mp4"),
        ("../../etc/passwd", "_.._etc_passwd.mp4"),
        ("Übersicht 概要 (2)", "Übersicht 概要 (2).mp4"),
        ('a"b\r\nc\x00', "a_b_c_.mp4"),
        ("...", "export.mp4"),
        (None, "job.mp4"),
        ("x" * 500, "x" * 100 + ".mp4"),
    ],
)
def test_the_file_is_called_like_its_project(name: str | None, expected: str) -> None:
    """Readable in any script, and nothing that a file system or a header would misread."""
    assert file_name(finished(project_name=name)[0]) == expected


def test_an_output_that_was_swept_fails_with_a_sentence(tmp_path: Path) -> None:
    """The owner is told to ask again."""
    stream = Stream(tmp_path)
    stream.ask(stream.request("job", FILM))
    while not stream.tasks("job", UploadTask):
        stream.handle(stream.waiting.pop(0))
    stream.store.delete(stream.plan("job").output_key)
    stream.run()
    error = stream.job("job").error
    assert error is not None
    assert (error.code, error.stage) == ("output_expired", "upload")


def test_a_json_export_can_be_imported_again_and_lists_its_assets(tmp_path: Path) -> None:
    """The document as it was, with the SHA-256 of each asset; an archive of an archive is as good."""
    photo, sound = picture(), tone(0.1)
    slides = [slide(0.25, image(inline(photo, "image/png")))]
    project = document(slides=slides, audio=[track(inline(sound, "audio/wav"))], meta={"mine": 1})
    stream = Stream(tmp_path)
    stream.export("one", project, "json")
    archive = orjson.loads(stream.file("one"))
    assert {name: value for name, value in archive.items() if name != "meta"} == {
        name: value for name, value in project.items() if name != "meta"
    }
    assert archive["meta"]["mine"] == 1
    listed = {asset["sha256"]: asset["size"] for asset in archive["meta"]["archive"]["assets"]}
    assert listed == {sha256(photo): len(photo), sha256(sound): len(sound)}
    stream.export("two", archive, "json")
    assert orjson.loads(stream.file("two")) == archive
    assert stream.export("film", archive).status == "completed"


def test_a_json_export_without_one_of_its_assets_says_so(tmp_path: Path) -> None:
    """A backup that fails because one image is gone would keep nothing: it becomes a warning."""
    job = Stream(tmp_path).export("job", document(slides=[slide(0.25, image("gone.png"))]), "json")
    assert job.status == "completed"
    (warning,) = job.warnings
    assert warning.startswith("slides[0].elements[0].src: ")


def test_many_files_are_counted_in_messages_and_listed_in_the_manifest(tmp_path: Path) -> None:
    """A deck of any length ends in a fact that is small; its files are all found."""
    stream = Stream(tmp_path)
    few, many = (
        stream.export(
            f"deck-{count}",
            document(slides=[slide(0.1) for _ in range(count)]),
            "png",
            settings={"width": 16, "height": 16, "eachSlide": True},
        )
        for count in (3, MOST_FILES_TOLD + 1)
    )
    assert few.result is not None
    assert many.result is not None
    assert (len(few.result.files), few.result.file_count) == (3, 3)
    assert (len(many.result.files), many.result.file_count) == (0, MOST_FILES_TOLD + 1)
    for job in (few, many):
        assert job.result is not None
        files = files_of(job.result, stream.store.get)
        assert len({file.name for file in files}) == job.result.file_count
        assert all(stream.store.stat(file.key).size == file.size for file in files)
        assert files[0].key == job.result.key
