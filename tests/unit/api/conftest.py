"""An API for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.api.harness import World, world


@pytest.fixture
def api(tmp_path: Path) -> Iterator[World]:
    """An API without keys: one tenant, `default`."""
    with world(tmp_path) as made:
        yield made


@pytest.fixture
def keyed(tmp_path: Path) -> Iterator[World]:
    """An API with a key for each of two tenants."""
    with world(tmp_path, api_keys={"key-a": "anna", "key-b": "bert"}) as made:
        yield made
