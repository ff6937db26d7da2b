"""Encoded sound at rest, and how many packets there are."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from renderers.sound.aac import FRAME, PRIMING, EncodedAudio
from schemas.errors import InvalidInput
from tests.unit.renderers.sounds import encode_aac

SOUNDS = st.builds(
    EncodedAudio,
    st.lists(st.binary(max_size=50)).map(tuple),
    st.binary(max_size=10),
    st.integers(0, 192_000),
    st.integers(0, 5000),
    st.integers(0, 2**40),
)


@given(SOUNDS)
def test_sound_survives_the_store(sound: EncodedAudio) -> None:
    """Encoded sound in bytes and back is the same."""
    data = sound.to_bytes()
    assert EncodedAudio.from_bytes(data) == sound
    for broken in (data[:-1], data + b"x", b"", b"XSau\x09" + data[5:]):
        with pytest.raises(InvalidInput):
            EncodedAudio.from_bytes(broken)


@pytest.mark.parametrize("rate", [48_000, 44_100])
@pytest.mark.parametrize("samples", [1, 1023, 1024, 1025, 44_100])
def test_there_are_packets_for_every_sample(samples: int, rate: int) -> None:
    """One packet more than frames: the first is priming; the number of samples is kept exactly."""
    sound = encode_aac(np.zeros((samples, 2), np.float32), rate, 128_000)
    assert (sound.samples, sound.priming, sound.sample_rate) == (samples, PRIMING, rate)
    assert len(sound.packets) == -(-samples // FRAME) + 1
