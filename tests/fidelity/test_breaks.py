"""Random texts break where Chromium breaks them."""

from __future__ import annotations

import pytest

from tests.fidelity.breaks import differing
from tests.fidelity.wordlists import random_texts
from tests.servers.needs import needed


@pytest.mark.parametrize("seed", range(15, 20))
def test_random_texts_break_as_in_chromium(seed: int) -> None:
    """Of 2,000 texts in twenty scripts at most one in 500 breaks otherwise, in the narrowest box or in one of
    some width.
    """
    texts = random_texts(2000, seed)
    with needed():
        found = differing(texts)
    assert len({broken.text for broken in found}) <= len(texts) / 500, "\n".join(map(str, found))
