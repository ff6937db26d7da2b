"""What a test does without a server or program that it needs.

It is skipped on a laptop, and fails where all are required (EXPORTSTREAM_REQUIRE_SERVERS=1).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.servers.base import ServerUnavailable


@contextmanager
def needed() -> Iterator[None]:
    """Around what raises ServerUnavailable."""
    try:
        yield
    except ServerUnavailable as error:
        if os.environ.get("EXPORTSTREAM_REQUIRE_SERVERS") == "1":
            pytest.fail(f"Required, and not to be had: {error}", pytrace=False)
        pytest.skip(str(error))
