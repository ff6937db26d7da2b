"""Where assets and projects come from: each source by its rules, and nobody reads what is another's."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from connectors.assets import AssetPolicy, AssetSource
from connectors.fetch_policy import FetchPolicy
from connectors.projects import HttpProjects, StoredProjects
from connectors.store.memory import MemoryStore
from schemas.errors import InvalidInput, Missing
from tests.integration.web import Web, web_server

HERE = FetchPolicy(allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),), http=True, stall_s=0.5)


@pytest.fixture
def store() -> MemoryStore:
    """A store with objects of two tenants, of nobody, and a project."""
    made = MemoryStore()
    for key in ("t/a/uploads/x.png", "t/b/uploads/x.png", "t/a/chunks/c", "media/y.jpg", "projects/c/p.json"):
        made.put(key, key.encode())
    return made


@pytest.fixture
def web() -> Iterator[Web]:
    """A web server."""
    with web_server() as server:
        yield server


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where assets are put."""
    return tmp_path / "out"


def code(source: AssetSource, src: str, out: Path, tenant: str = "a") -> str:
    """The code with which a source is refused."""
    with pytest.raises(InvalidInput) as caught:
        source.fetch(src, tenant, out)
    return caught.value.code


@pytest.mark.parametrize("src", ["t/a/uploads/x.png", "s3://own/t/a/uploads/x.png"])
def test_a_tenant_reads_its_uploads(store: MemoryStore, out: Path, src: str) -> None:
    """By their key, or by an address of the deployment's own bucket."""
    found = AssetSource(store, AssetPolicy("own")).fetch(src, "a", out)
    assert out.read_bytes() == b"t/a/uploads/x.png"
    assert (found.size, found.content_type) == (17, "image/png")
    assert found.sha256 == hashlib.sha256(out.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "src",
    [
        "t/b/uploads/x.png", "s3://own/t/b/uploads/x.png", "t/a/chunks/c", "projects/c/p.json",
        "s3://own/projects/c/p.json",
        "s3://other/x", "./t/b/uploads/x.png", "t/a/uploads/../../b/uploads/x.png", "t//b/uploads/x.png",
        "/t/b/uploads/x.png",
    ],
)  # fmt: skip
def test_nobody_reads_what_is_anothers(store: MemoryStore, out: Path, src: str) -> None:
    """Other tenants' files, what the pipeline made, project records, other buckets."""
    assert code(AssetSource(store, AssetPolicy("own")), src, out) in ("forbidden_source", "bad_key")
    assert not out.exists()


def test_a_deployment_says_what_else_may_be_read(store: MemoryStore, out: Path) -> None:
    """Prefixes of its own bucket, and other buckets."""
    strict = AssetSource(store, AssetPolicy("own", prefixes=()))
    assert code(strict, "media/y.jpg", out) == "forbidden_source"
    open_ = AssetSource(store, AssetPolicy("own", prefixes=("media/",)))
    assert open_.fetch("media/y.jpg", "a", out).content_type == "image/jpeg"
    other = MemoryStore()
    other.put("x", b"other")
    buckets = AssetSource(store, store_of={"other": other}.get)
    assert buckets.fetch("s3://other/x", "a", out).size == 5


def test_a_missing_asset_is_missing(store: MemoryStore, out: Path, web: Web, tmp_path: Path) -> None:
    """Wherever it should have been."""
    web.answer("/nothing", b"", status="404 Not Found")
    anywhere = AssetSource(store, AssetPolicy(fetch=HERE))
    beside = AssetSource(store, base=tmp_path)
    for source, src in (
        (anywhere, "t/a/uploads/none"),
        (anywhere, web.url("/nothing")),
        (beside, "none.png"),
    ):
        with pytest.raises(Missing) as caught:
            source.fetch(src, "a", out)
        assert caught.value.code == "asset_not_found"


def test_an_asset_has_a_limit(store: MemoryStore, out: Path, web: Web, tmp_path: Path) -> None:
    """The same for an object, a download and a file."""
    (tmp_path / "x.png").write_bytes(bytes(17))
    policy = AssetPolicy(fetch=replace(HERE, max_bytes=16))
    url = web.answer("/x", bytes(17))
    assert code(AssetSource(store, policy), "t/a/uploads/x.png", out) == "asset_too_large"
    assert code(AssetSource(store, policy), url, out) == "asset_too_large"
    assert code(AssetSource(store, policy, base=tmp_path), "x.png", out) == "asset_too_large"


@pytest.mark.parametrize(
    ("src", "data", "kind"),
    [
        ("data:image/png;base64," + base64.b64encode(b"\x89PNG").decode(), b"\x89PNG", "image/png"),
        ("data:,a%20b", b"a b", "text/plain"),
        ("data:image/svg+xml;charset=utf-8,<svg/>", b"<svg/>", "image/svg+xml"),
        ("DATA:text/plain;BASE64,YQ==", b"a", "text/plain"),
        ("data:text/plain;base64,YQ", b"a", "text/plain"),
        ("data:text/plain;base64,Y%20Q%0A=%0A=", b"a", "text/plain"),
    ],
)
def test_the_document_itself_may_hold_an_asset(
    store: MemoryStore, out: Path, src: str, data: bytes, kind: str
) -> None:
    """In a data: address, as text or base64."""
    found = AssetSource(store).fetch(src, "a", out)
    assert (out.read_bytes(), found.content_type) == (data, kind)


@pytest.mark.parametrize("src", ["data:image/png;base64,a", "data:nothing"])
def test_a_broken_data_address_is_refused(store: MemoryStore, out: Path, src: str) -> None:
    """With a code of its own."""
    assert code(AssetSource(store), src, out) == "bad_url"


def test_the_command_line_reads_beside_the_document(store: MemoryStore, out: Path, tmp_path: Path) -> None:
    """A relative path is a file of the document's folder, and never one outside of it."""
    folder = tmp_path / "document"
    (folder / "images").mkdir(parents=True)
    (folder / "images" / "x.png").write_bytes(b"png")
    (tmp_path / "secret").write_bytes(b"secret")
    (folder / "link").symlink_to(tmp_path / "secret")
    source = AssetSource(store, base=folder)
    assert source.fetch("images/x.png", "a", out).size == 3
    for src in ("../secret", str(tmp_path / "secret"), "link"):
        assert code(source, src, out) == "forbidden_source"
    assert code(source, "images", out) == "asset_not_found"
    assert code(source, "a\0b", out) == "asset_unreadable"


def test_a_changed_asset_has_another_version(store: MemoryStore, tmp_path: Path) -> None:
    """So that nothing is fetched again that did not change; the web cannot tell."""
    source = AssetSource(store, base=None)
    before = source.version("t/a/uploads/x.png", "a")
    assert before == source.version("t/a/uploads/x.png", "a")
    store.put("t/a/uploads/x.png", b"changed, and longer than before")
    assert before != source.version("t/a/uploads/x.png", "a")
    assert source.version("https://example.com/x.png", "a") is None
    beside = AssetSource(store, base=tmp_path)
    (tmp_path / "x.png").write_bytes(b"1")
    first = beside.version("x.png", "a")
    (tmp_path / "x.png").write_bytes(b"12")
    assert first != beside.version("x.png", "a")


def test_a_stored_project_is_found_by_reference(store: MemoryStore) -> None:
    """As customer/project; what is not there is missing, at the request's own field."""
    projects = StoredProjects(store)
    assert projects.load("c/p") == b"projects/c/p.json"
    with pytest.raises(Missing) as caught:
        projects.load("c/q")
    assert (caught.value.code, caught.value.path) == ("project_not_found", "project_ref")


@pytest.mark.parametrize("ref", ["", "c", "c/", "/p", "c/p/q", "c/..", "../p", "c/."])
def test_what_is_no_reference_is_refused(store: MemoryStore, web: Web, ref: str) -> None:
    """Before the store or the endpoint is asked."""
    template = web.url("/projects/{customer_id}/{project_id}")
    for projects in (StoredProjects(store), HttpProjects(template, {}, FetchPolicy(), 1000)):
        with pytest.raises(InvalidInput) as caught:
            projects.load(ref)
        assert caught.value.code == "bad_project_ref"
    assert web.requests == []


def test_a_project_is_fetched_from_its_endpoint(web: Web) -> None:
    """With the deployment's credentials, from a host that need not be public, its names escaped."""
    web.answer("/projects/c%201/p%3F%26", b'{"version": 1}')
    web.answer("/projects/c/none", b"", status="404 Not Found")
    web.answer("/projects/c/large", bytes(1001))
    projects = HttpProjects(
        web.url("/projects/{customer_id}/{project_id}"),
        {"Authorization": "Bearer secret"},
        FetchPolicy(),
        1000,
    )
    assert projects.load("c 1/p?&") == b'{"version": 1}'
    assert b"Authorization: Bearer secret\r\n" in web.requests[0]
    with pytest.raises(Missing) as caught:
        projects.load("c/none")
    assert caught.value.code == "project_not_found"
    with pytest.raises(InvalidInput):
        projects.load("c/large")
