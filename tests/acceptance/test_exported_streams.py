"""Finished files as players and editors meet them: timing, seeking, holds, sound, colours, a second decoder.

Laws that need random films and cuts are in tests/unit/renderers/test_streams.py; here is what the whole of an
export makes of one film, on each way that a setting opens.
"""

from __future__ import annotations

import io
import math
import random
import subprocess
import sys
import wave
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import orjson
import pytest
from numpy.typing import NDArray

from renderers.h264.mp4 import probe
from schemas import keys
from schemas.parts import PicturePart
from schemas.plan import Plan
from tests.acceptance.local_runs import LocalWorker
from tests.acceptance.media import inline, picture
from tests.servers.base import ROOT
from tests.unit.builders import Document, document, fade, image, move, rect, slide, text, track
from tests.unit.renderers.films import times
from tests.unit.renderers.media import decode_at, decode_sound, decode_video, other_decoder, strict_decode

RATE = 48_000
BORDER_S = 864 * 1024 / RATE
"""Where the first piece of sound ends and the next encoder begins: 18.432 s (renderers/aac.py)."""
CLICKS_S = (1.0, 5.4321, BORDER_S - 0.05, BORDER_S - 1024 / RATE, BORDER_S, BORDER_S + 0.03, 19.5)
SECONDS = Fraction(20)

PATHS: dict[str, dict[str, Any]] = {
    "plain": {"fps": 30},
    "capped": {"fps": 24, "bitrate": "1M"},
    "60 fps": {"fps": 60, "audioBitrate": "96k"},
}


def clicks() -> bytes:
    """A WAV of silence with a click of 20 samples at each of CLICKS_S."""
    sound = np.zeros(int(SECONDS) * RATE, "<i2")
    for time in CLICKS_S:
        sound[round(time * RATE) : round(time * RATE) + 20] = 28_000
    with io.BytesIO() as file:
        with wave.open(file, "wb") as out:
            out.setparams((1, 2, RATE, 0, "NONE", ""))
            out.writeframes(sound.tobytes())
        return file.getvalue()


def film(sound: str) -> Document:
    """20 s: stills, one longer than ten seconds, movement with and without a hold, a zoom, transitions."""
    photo = inline(picture(320, 180), "image/png")
    zoom = move("scale", 0, 2.5, (1, 1.3), within=True)
    slides = [
        slide(2.5, text("A still"), color="#204060"),
        slide(3, text("It slides in", animations=[move(duration=0.8)]), transition=fade(0.5)),
        slide(2.5, image(photo, animations=[zoom]), transition=fade(0.5, "wipe-left")),
        slide(1, rect(animations=[move("rotation", 0, 1, (0, 90))]), color="#a04000"),
        slide(12, text("Long, long"), rect("#10a060", x=200, y=120), color="#eeeecc"),
    ]
    return document(slides=slides, audio=[track(sound)])


@dataclass(frozen=True)
class Export:
    """A finished file and the plan that it was made by."""

    path: Path
    plan: Plan

    @property
    def fps(self) -> int:
        """Frames a second."""
        assert self.plan.expected.fps is not None
        return self.plan.expected.fps


@pytest.fixture(scope="module")
def worker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalWorker]:
    """Stages over a store of their own."""
    with closing(LocalWorker(tmp_path_factory.mktemp("streams"))) as worker:
        yield worker


@pytest.fixture(scope="module", params=PATHS)
def made(
    request: pytest.FixtureRequest, worker: LocalWorker, tmp_path_factory: pytest.TempPathFactory
) -> Export:
    """The film by one way of encoding."""
    project = film(worker.put("clicks.wav", clicks()))
    job = worker.completes(project, width=320, height=180, **PATHS[request.param])
    path = tmp_path_factory.mktemp("made") / "film.mp4"
    worker.file(job).rename(path)
    plan = Plan.decode(worker.store.get(keys.plan_key(job.tenant, job.id)))
    assert {chunk.shape for chunk in plan.chunks} == {"still", "moving"}
    assert any(chunk.shape == "moving" and chunk.hold for chunk in plan.chunks)
    return Export(path, plan)


def test_frames_are_regular(made: Export) -> None:
    """As many as the timeline has, at a constant rate from 0 on, dts strictly rising by one frame."""
    pts, dts = times(made.path)
    assert len(pts) == SECONDS * made.fps == probe(made.path).frames
    assert pts == [Fraction(n, made.fps) for n in range(len(pts))]
    assert {b - a for a, b in pairwise(dts)} == {Fraction(1, made.fps)}


def test_a_strict_decoder_has_no_complaint(made: Export) -> None:
    """A whole file is decoded without an error and without a warning."""
    strict_decode(made.path)


def test_seeks_and_holds_are_exact(made: Export) -> None:
    """25 seeks show bit for bit what playing shows, and held frames are the frame that is held."""
    decoded = decode_video(made.path)
    for number in random.Random(3).sample(range(len(decoded)), 25):
        assert np.array_equal(decode_at(made.path, number, made.fps), decoded[number]), number
    held = [(chunk, n) for chunk in made.plan.chunks for n in _held(chunk)]
    assert len(held) > len(decoded) / 2
    for chunk, number in held:
        assert np.array_equal(decoded[number], decoded[chunk.first_frame + chunk.frames - 1]), number


def _held(chunk: PicturePart) -> range:
    return range(chunk.first_frame + chunk.frames, chunk.first_frame + chunk.frames + chunk.hold)


def test_sound_and_picture_end_together(made: Export) -> None:
    """To within one AAC frame, as told and as decoded."""
    found = probe(made.path)
    assert abs(found.video_duration - found.audio_samples / RATE) <= 1024 / RATE
    assert abs(len(decode_sound(made.path)) / RATE - float(SECONDS)) <= 1024 / RATE


def test_clicks_are_heard_when_they_were_made(made: Export) -> None:
    """To within two milliseconds, also right where two pieces of sound were joined."""
    level = np.abs(decode_sound(made.path)).max(axis=1)
    for time in CLICKS_S:
        start = round((time - 0.01) * RATE)
        around = level[start : start + round(0.02 * RATE)]
        assert around.max() > 0.4, time
        assert abs((start + int(np.argmax(around > 0.4))) / RATE - time) < 0.002, time


def test_the_head_comes_first_and_names_the_colours(made: Export) -> None:
    """`moov` before `mdat`; BT.709 in limited range, in the container and in the stream."""
    data = made.path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert data[data.index(b"colrnclx") + 8 :][:7] == bytes([0, 1, 0, 1, 0, 1, 0])
    with av.open(str(made.path)) as source:
        frame = next(source.decode(video=0))
    assert (int(frame.colorspace), int(frame.color_range)) == (1, 1)


def test_a_decoder_of_other_make_shows_an_export_alike(worker: LocalWorker) -> None:
    """OpenH264, which shares no code with FFmpeg, decodes an export of stills and holds bit for bit alike."""
    slides = [slide(1.5, text(f"Slide {n}", animations=[]), color=c) for n, c in enumerate(("navy", "#eee"))]
    path = worker.file(worker.completes(document(slides=slides), width=320, height=180))
    expected, got = decode_video(path), other_decoder(path)
    path.unlink()
    assert len(got) == len(expected) == 72
    assert all(np.array_equal(a, b) for a, b in zip(got, expected, strict=True))


# --- colours ---------------------------------------------------------------------------------------

COLUMNS, ROWS = 8, 5
CHART: list[tuple[int, int, int]] = [
    *((level, level, level) for level in (0, 16, 64, 118, 128, 200, 235, 255)),
    *((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 255, 255), (255, 0, 255), (255, 255, 0)),
    *((128, 0, 0), (0, 128, 0), (0, 0, 128), (0, 128, 128), (128, 0, 128), (128, 128, 0)),
]
"""Greys, the primaries and their mixtures, at full and at half."""
CHECKER: list[tuple[int, int, int]] = [
    *((115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170)),
    *((214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46)),
    *((56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161)),
    *((250, 240, 230), (12, 20, 8)),
]
"""The patches of a ColorChecker, and a nearly white and a nearly black one."""
PATCHES = CHART + CHECKER


MOVES = {
    "still": None,
    "told": [move(duration=1, values=(0, 1200))],
    "encoded": [move(duration=1, values=(0, 1200)), move("rotation", duration=1, values=(0, 9))],
}
"""What happens to a line below the chart, by the way in which that is encoded."""


def chart(moves: list[Document] | None) -> Document:
    """The chart on a slide, over which a line moves at the lower edge or nothing does."""
    width, height = 1280 // COLUMNS, 700 // ROWS
    patches = [
        {
            "type": "shape", "shape": "rect", "fill": f"rgb({r}, {g}, {b})",
            "x": n % COLUMNS * width, "y": n // COLUMNS * height, "width": width, "height": height,
        }
        for n, (r, g, b) in enumerate(PATCHES)
    ]  # fmt: skip
    line = [rect("white", x=0, y=710, width=60, height=8, animations=moves)] if moves else []
    return document(width=1280, height=720, slides=[slide(1, *patches, *line)])


def ycc(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The samples of a frame in planes, as full pixels: (h, w, 3)."""
    height, width = frame.shape[0] * 2 // 3, frame.shape[1]
    chroma = frame[height:].reshape(2, height // 2, width // 2)
    full = (np.repeat(np.repeat(plane, 2, 0), 2, 1) for plane in chroma)
    return np.stack([frame[:height], *full], axis=-1).astype(np.float64)


def to_rgb(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Y, CB, CR in limited range as R'G'B' in levels, by ITU-R BT.709-6, 3.2 to 3.5."""
    y, cb, cr = (samples[..., 0] - 16) / 219, (samples[..., 1] - 128) / 224, (samples[..., 2] - 128) / 224
    red, blue = y + 1.5748 * cr, y + 1.8556 * cb
    green = (y - 0.2126 * red - 0.0722 * blue) / 0.7152
    return np.round(np.stack([red, green, blue], axis=-1) * 255)


def to_ycc(color: tuple[int, int, int]) -> NDArray[np.float64]:
    """R'G'B' in levels as Y, CB, CR in limited range, unrounded."""
    red, green, blue = (level / 255 for level in color)
    y = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return np.array([16 + 219 * y, 128 + 224 * (blue - y) / 1.8556, 128 + 224 * (red - y) / 1.5748])


MACROBLOCK = 16
"""Pixels on each side of what an encoder predicts and transforms together (H.264, 6.3)."""


@pytest.mark.parametrize("way", MOVES)
@pytest.mark.parametrize(("quality", "fps"), [("720p", 24), ("1080p", 60)])
def test_a_colour_chart_comes_back(tmp_path: Path, way: str, quality: str, fps: int) -> None:
    """Through the whole of `exportstream render`, every patch is what was asked within two levels of RGB.

    In each pixel that shares no macroblock with another patch; for those that do there is the next test.
    """
    frames = exported_chart(tmp_path, way, quality, fps)
    for number in {*range(0, fps, 5), fps - 1}:
        colors = to_rgb(ycc(frames[number]))
        for n, color in enumerate(PATCHES):
            assert np.abs(patch_of(colors, n, MACROBLOCK) - color).max() <= 2, (number, color)


@pytest.mark.parametrize("way", MOVES)
def test_a_patch_of_a_chart_is_its_colour_up_to_its_edge(tmp_path: Path, way: str) -> None:
    """From eight pixels on it is within two levels, of the samples that are coded and in RGB.

    A level of chroma is up to 1.9 of red or blue, and x264 is one off in some macroblocks that two patches
    share where something moves: a ColorChecker's may be three off there.
    """
    for number, frame in enumerate(exported_chart(tmp_path, way, "720p", 24)):
        samples = ycc(frame)
        for n, color in enumerate(PATCHES):
            patch = patch_of(samples, n, 8)
            assert np.abs(patch - to_ycc(color)).max() <= 2, (number, color)
            most = 2 if n < len(CHART) or way == "still" else 3
            assert np.abs(to_rgb(patch) - color).max() <= most, (number, color)


def exported_chart(folder: Path, way: str, quality: str, fps: int) -> list[NDArray[np.uint8]]:
    """The frames of one second of the chart."""
    project, out = folder / "chart.json", folder / "chart.mp4"
    project.write_bytes(orjson.dumps(chart(MOVES[way])))
    command = [sys.executable, "-m", "exportstream", "render", str(project), "-o", str(out), "--quiet"]
    subprocess.run([*command, "--quality", quality, "--fps", str(fps)], cwd=ROOT, check=True)
    frames = list(decode_video(out))
    assert len(frames) == fps
    return frames


def patch_of(picture: NDArray[np.float64], number: int, margin: int) -> NDArray[np.float64]:
    """A patch of the chart in a picture of any size, without so many pixels at its edges."""
    scale = picture.shape[0] / 720
    width, height = 1280 // COLUMNS * scale, 700 // ROWS * scale
    left, top = number % COLUMNS * width + margin, number // COLUMNS * height + margin
    right, bottom = left + width - 2 * margin, top + height - 2 * margin
    return picture[math.ceil(top) : math.floor(bottom), math.ceil(left) : math.floor(right)]
