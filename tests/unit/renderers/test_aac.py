"""Encoding sound in pieces."""

from __future__ import annotations

from collections.abc import Iterator

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from renderers.sound.aac import FRAME, PRIMING, EncodedAudio, encode_aac
from schemas.errors import Cancelled, InvalidInput

RATE = 44_100


def tone(seconds: float) -> NDArray[np.float32]:
    """Two slowly swelling tones."""
    t = np.arange(int(seconds * RATE)) / RATE
    return np.stack([np.sin(2 * np.pi * f * t) * np.sin(t) * 0.4 for f in (440, 661)], 1).astype(np.float32)


def blocks(sound: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """The sound in blocks of `size` samples."""
    for start in range(0, len(sound), size):
        yield sound[start : start + size]


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


@pytest.mark.parametrize("samples", [1, 1023, 1024, 1025, 44_100, 864 * 1024, 865 * 1024, 865 * 1024 + 1])
def test_there_are_packets_for_every_sample(samples: int) -> None:
    """One packet more than frames: the first is priming; the number of samples is kept exactly."""
    sound = np.zeros((samples, 2), np.float32)
    encoded = encode_aac([sound], RATE, 128_000)
    assert encoded.samples == samples
    assert len(encoded.packets) == -(-samples // FRAME) + 1


def test_no_sound_is_no_packets() -> None:
    """Nothing in, nothing out."""
    assert encode_aac([], RATE, 128_000).packets == ()


def test_bytes_depend_neither_on_threads_nor_on_blocks() -> None:
    """Any number of workers and any cutting of the input give the same packets."""
    sound = tone(65)
    expected = encode_aac([sound], RATE, 96_000, workers=1)
    assert expected == encode_aac(blocks(sound, 10_007), RATE, 96_000, workers=3)
    assert expected == encode_aac(blocks(sound, 3_000_000), RATE, 96_000)


def test_seams_are_not_heard() -> None:
    """Where two pieces meet, the decoded sound is as close to the original as elsewhere."""
    sound = tone(45)
    encoded = encode_aac([sound], RATE, 192_000)
    decoder = av.CodecContext.create("aac", "r")
    decoder.extradata = encoded.extradata
    decoded = [decoder.decode(av.Packet(packet))[0].to_ndarray() for packet in encoded.packets]
    heard = np.concatenate(decoded, axis=1).T[PRIMING:][: len(sound)].astype(np.float32)
    frames = len(sound) // FRAME
    errors = ((heard - sound) ** 2)[: frames * FRAME].reshape(frames, -1).mean(axis=1)
    level = (sound**2)[: frames * FRAME].reshape(frames, -1).mean(axis=1)
    for seam in (864, 1728):
        around = slice(seam - 3, seam + 4)
        assert 10 * np.log10(level[around].mean() / errors[around].mean()) > 40


def test_only_a_few_pieces_are_held() -> None:
    """Input is asked for as it is needed: never minutes ahead of what is encoded."""
    asked = 0

    def endless() -> Iterator[NDArray[np.float32]]:
        nonlocal asked
        while True:
            asked += 1
            yield np.zeros((RATE, 2), np.float32)

    calls = 0

    def check() -> None:
        nonlocal calls
        calls += 1
        if calls == 6:
            raise Cancelled("cancelled", "The job was cancelled.")

    with pytest.raises(Cancelled):
        encode_aac(endless(), RATE, 96_000, check=check)
    assert asked <= 6 * 21 + 2
