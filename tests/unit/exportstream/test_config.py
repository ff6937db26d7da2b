"""The settings: read from a mapping, refused in sentences, shown without secrets."""

from __future__ import annotations

import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exportstream.config import LIMITS, Settings, settings_table, with_table
from schemas.errors import InvalidInput
from schemas.limits import Limits

ROOT = Path(__file__).resolve().parents[3]


def test_an_empty_environment_is_the_embedded_default() -> None:
    """Without any variable everything lies in one folder and the API listens on this machine only."""
    settings = Settings.from_environ({})
    assert (settings.host, settings.port, settings.data_dir) == ("127.0.0.1", 8097, Path("data"))
    assert settings.kafka_bootstrap is settings.s3_endpoint is settings.database_url is None
    assert settings.limits == Limits()
    assert settings == Settings.from_environ({"PORT": " ", "DATABASE_URL": ""})


def test_the_names_of_the_five_systems_work_too() -> None:
    """A deployment of one of them keeps its variables."""
    settings = Settings.from_environ(
        {
            "MINIO_ENDPOINT": "minio:9000",
            "MINIO_ACCESS_KEY": "key",
            "MINIO_SECRET_KEY": "hidden",
            "MINIO_SECURE": "True",
            "S3_BUCKET": "media",
            "DATABASE_URL": "postgresql://app@db/jobs",
            "TEMP_DIR": "/scratch",
            "EXPORT_OUTPUT_DIR": "/exports",
            "LOG_LEVEL": "WARNING",
            "PORT": "9000",
        }
    )
    assert (settings.s3_endpoint, settings.s3_access_key, settings.s3_secret_key) == (
        "minio:9000",
        "key",
        "hidden",
    )
    assert (settings.s3_secure, settings.s3_bucket, settings.log_level) == (True, "media", "warning")
    assert (settings.temp_dir, settings.output_dir) == (Path("/scratch"), Path("/exports"))
    assert (settings.database_url, settings.port) == ("postgresql://app@db/jobs", 9000)


def test_our_own_name_goes_before_the_others() -> None:
    """Who sets both means the one that only this product reads."""
    assert Settings.from_environ({"PORT": "1", "EXPORTSTREAM_PORT": "2"}).port == 2


@pytest.mark.parametrize(
    ("given_", "endpoint", "secure"),
    [
        ({"S3_ENDPOINT": "https://s3.example.org/"}, "s3.example.org", True),
        ({"S3_ENDPOINT": "http://minio:9000"}, "minio:9000", False),
        ({"S3_ENDPOINT": "https://minio", "S3_SECURE": "no"}, "minio", False),
    ],
)
def test_an_object_store_may_be_named_by_an_address(
    given_: dict[str, str], endpoint: str, secure: bool
) -> None:
    """A scheme says whether it is TLS, unless the setting for that does."""
    settings = Settings.from_environ(given_)
    assert (settings.s3_endpoint, settings.s3_secure) == (endpoint, secure)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "http"),
        ("PORT", "65536"),
        ("EXPORTSTREAM_WIDTH", "0"),
        ("EXPORTSTREAM_WIDTH", "4.5"),
        ("EXPORTSTREAM_ENCODERS", "٣"),
        ("LOG_LEVEL", "loud"),
        ("S3_SECURE", "perhaps"),
        ("FETCH_ALLOWED_NETWORKS", "10.0.0.0/8,intranet"),
        ("PROJECTS_URL", "https://editor.example/projects/1"),
        ("EXPORTSTREAM_URL", "localhost"),
        ("LIMIT_SLIDES", "-1"),
        ("LIMIT_SECONDS", "nan"),
        ("LIMIT_SECONDS", "inf"),
        ("LIMIT_MEGAPIXELS", "0"),
    ],
)
def test_what_cannot_be_read_is_named_with_what_it_has_to_be(name: str, value: str) -> None:
    """The sentence has the variable, its value, and what would be right."""
    with pytest.raises(InvalidInput, match=rf"^{name} is .*; it has to be \w") as caught:
        Settings.from_environ({name: value})
    assert value in caught.value.message
    assert caught.value.code == "bad_setting"


@pytest.mark.parametrize(
    ("name", "value"), [("EXPORTSTREAM_API_KEYS", "s3cr3t:Ä"), ("DATABASE_URL", "mysql://u:s3cr3t@db/x")]
)
def test_a_secret_that_cannot_be_read_is_not_told(name: str, value: str) -> None:
    """Errors end in logs, and secrets do not belong there."""
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environ({name: value})
    assert "s3cr3t" not in caught.value.message
    assert caught.value.__cause__ is None


def test_api_keys_belong_to_tenants() -> None:
    """A key without a tenant belongs to the tenant `default`."""
    settings = Settings.from_environ({"EXPORTSTREAM_API_KEYS": "aaa:studio-a, bbb ,ccc:b"})
    assert settings.api_keys == (("aaa", "studio-a"), ("bbb", "default"), ("ccc", "b"))


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    """As container platforms hand them out: NAME_FILE, one key a line."""
    (tmp_path / "keys").write_text("aaa:studio-a\nbbb:studio-b\n")
    settings = Settings.from_environ({"EXPORTSTREAM_API_KEYS_FILE": str(tmp_path / "keys")})
    assert dict(settings.api_keys) == {"aaa": "studio-a", "bbb": "studio-b"}
    with pytest.raises(InvalidInput, match="S3_SECRET_KEY_FILE"):
        Settings.from_environ({"S3_SECRET_KEY_FILE": str(tmp_path / "absent")})


def test_networks_are_networks() -> None:
    """What downloads are allowed to reach is compared as networks, not as text."""
    settings = Settings.from_environ({"FETCH_ALLOWED_NETWORKS": "10.1.2.3/8, fd00::/8"})
    assert settings.fetch_networks == (ip_network("10.0.0.0/8"), ip_network("fd00::/8"))


def test_settings_are_shown_without_secrets() -> None:
    """Neither `repr` nor `describe` tells one."""
    names = ["S3_SECRET_KEY", "EXPORTSTREAM_API_KEYS", "EXPORTSTREAM_API_KEY", "PROJECTS_TOKEN"]
    secrets = dict.fromkeys(names, "hush") | {"DATABASE_URL": "postgresql://u:hush@db/x"}
    settings = Settings.from_environ(secrets | {"KAFKA_SASL_PASSWORD": "hush"})
    assert "hush" not in f"{settings!r} {settings} {settings.describe()}"
    assert settings.describe()["S3_SECRET_KEY"] == "(set)"
    assert Settings.from_environ({}).describe()["S3_SECRET_KEY"] == ""


@given(
    st.dictionaries(
        st.sampled_from([f"LIMIT_{name.upper()}" for name in Limits._fields]), st.integers(1, 10**9)
    )
)
def test_every_limit_is_a_setting(chosen: dict[str, int]) -> None:
    """LIMIT_… of each field of Limits is what the stages get, and what is shown."""
    settings = Settings.from_environ({name: str(value) for name, value in chosen.items()})
    for name, value in chosen.items():
        assert getattr(settings.limits, name.removeprefix("LIMIT_").lower()) == value
    assert set(LIMITS) == set(Limits._fields)


def test_no_two_settings_share_a_name() -> None:
    """Each variable means one thing."""
    names = re.findall(r"`([A-Z][A-Z0-9_]+)`(?= \||,)", settings_table())
    assert len(names) > 50
    assert len(names) == len(set(names))


def test_the_readme_has_the_table_of_settings() -> None:
    """README.md is what the code says; `make docs` writes it anew."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert text == with_table(text)


def test_a_readme_without_a_place_for_the_table_is_refused() -> None:
    """Rather than written to somewhere else."""
    with pytest.raises(ValueError, match="settings"):
        with_table("# Title\n")
