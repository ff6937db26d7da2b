"""How others make the benchmark's videos: `python -m bench.peers WAY CASE FOLDER OUT`.

One process makes one video.

pipe: one program composes each frame with OpenCV and writes it to one FFmpeg. It is written as one
would in earnest: pictures are decoded and scaled once, static parts are flattened once per slide, only the
box that changes is drawn again, a crossfade blends two finished pictures, and a frame that repeats is not
composed again. concat: FFmpeg's concat demuxer over one picture a slide, where nothing moves. png: a PNG for
each frame, then FFmpeg over the folder. moviepy: the same frames through MoviePy's writer. lossless: the
pipe's frames without loss, to compare with.

All encode with libx264 medium, CRF 23, all cores, yuv420p in BT.709, and mix the sound in the same FFmpeg.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.projects import (
    CASES,
    FADE_IN,
    SLIDE_IN,
    TITLE_BOX,
    TITLE_SIZE,
    ZOOM,
    Case,
    background,
    title,
)

FFMPEG = imageio_ffmpeg.get_ffmpeg_exe()
FONTS = ("/usr/share/fonts/truetype/dejavu/DejaVuSans-Bold.ttf", "DejaVuSans-Bold.ttf", "Arial Bold.ttf")
Picture = Any
"""RGB, (height, width, 3), uint8."""
TO_YUV = "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p"
X264 = ["-c:v", "libx264", "-preset", "medium", "-crf", "23"]
COLORS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]


class Slide:
    """One slide's parts, ready to be put together."""

    def __init__(self, case: Case, index: int, folder: Path) -> None:
        self._case = case
        scale = case.height / 1080
        self._photo_box = tuple(round(v * scale) for v in case.photo_box)
        self._title_box = tuple(round(v * scale) for v in TITLE_BOX)
        self._scale = scale
        _, _, width, height = self._photo_box
        zoom = ZOOM if case.zoom else 1.0
        with Image.open(folder / f"photo{index % 10}.jpg") as image:
            need = max(width * zoom / image.width, height * zoom / image.height)
            image.draft("RGB", (round(image.width * need), round(image.height * need)))
            fitted = round(image.width * need), round(image.height * need)
            self._photo = np.asarray(image.convert("RGB").resize(fitted, Image.Resampling.BICUBIC))
        color = tuple(int(background(index)[i : i + 2], 16) for i in (1, 3, 5))
        self._plain = np.empty((case.height, case.width, 3), np.uint8)
        self._plain[:] = color
        self._text, self._alpha = self._drawn(title(index))
        self._static = self._plain.copy()
        if not (case.zoom or case.appears):
            self._put_photo(self._static, 1.0)
        if not (case.title_moves or case.appears or (case.full and case.zoom)):
            self._put_title(self._static, 0)
        self._cache: tuple[Any, Picture] | None = None

    def _drawn(self, text: str) -> tuple[Picture, Picture]:
        _, _, width, height = self._title_box
        image = Image.new("L", (width, height), 0)
        ImageDraw.Draw(image).text((0, 0), text, fill=255, font=font(TITLE_SIZE * self._scale))
        alpha = np.repeat(np.asarray(image)[..., None], 3, axis=2)
        return np.full((height, width, 3), 255, np.uint8), alpha

    def at(self, seconds: float) -> Picture:
        """The slide at a time of its own."""
        case = self._case
        zoom = 1 + (ZOOM - 1) * min(1.0, seconds / case.seconds) if case.zoom else 1.0
        share = min(1.0, seconds / SLIDE_IN)
        offset = -1800 * self._scale * (1 - share) ** 2 if case.title_moves else 0.0
        photo, words = (_opacity(seconds, *FADE_IN[name]) if case.appears else 1.0 for name in FADE_IN)
        shown = zoom, offset, photo, words
        if self._cache is not None and self._cache[0] == shown:
            return self._cache[1]
        if case.still:
            return self._static
        frame = self._static.copy()
        if case.zoom or case.appears:
            self._put_photo(frame, zoom, photo)
        if case.title_moves or case.appears or (case.full and case.zoom):
            self._put_title(frame, round(offset), words)
        self._cache = shown, frame
        return frame

    def _put_photo(self, frame: Picture, zoom: float, opacity: float = 1.0) -> None:
        if opacity <= 0:
            return
        x, y, width, height = self._photo_box
        fitted = max(width / self._photo.shape[1], height / self._photo.shape[0]) * zoom
        shift = (width - self._photo.shape[1] * fitted) / 2, (height - self._photo.shape[0] * fitted) / 2
        matrix = np.array([[fitted, 0, shift[0]], [0, fitted, shift[1]]], np.float64)
        there = frame[y : y + height, x : x + width]
        drawn = cv2.warpAffine(
            self._photo, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        there[:] = drawn if opacity >= 1 else cv2.addWeighted(there, 1 - opacity, drawn, opacity, 0)

    def _put_title(self, frame: Picture, offset: int, opacity: float = 1.0) -> None:
        x, y, width, height = self._title_box
        left, right = max(0, x + offset), min(frame.shape[1], x + offset + width)
        if left >= right:
            return
        part = slice(left - x - offset, right - x - offset)
        alpha = self._alpha[:, part]
        if opacity < 1:
            alpha = cv2.convertScaleAbs(alpha, alpha=opacity)
        there = frame[y : y + height, left:right]
        above = cv2.multiply(self._text[:, part], alpha, scale=1 / 255)
        there[:] = cv2.add(above, cv2.multiply(there, cv2.bitwise_not(alpha), scale=1 / 255))


def _opacity(seconds: float, start: float, duration: float) -> float:
    """How far something has faded in, faster at first."""
    share = min(1.0, max(0.0, (seconds - start) / duration))
    return 1 - (1 - share) ** 2


def font(size: float) -> Any:
    """A bold font that this machine has."""
    for name in FONTS:
        try:
            return ImageFont.truetype(name, round(size))
        except OSError:
            continue
    return ImageFont.load_default(size)


def frames(case: Case, folder: Path) -> Iterator[Picture]:
    """All frames of a case."""
    step = case.seconds - case.fade
    slides: dict[int, Slide] = {}

    def slide(index: int) -> Slide:
        if index not in slides:
            slides.pop(index - 2, None)
            slides[index] = Slide(case, index, folder)
        return slides[index]

    for number in range(case.frames):
        now = number / case.fps
        index = min(case.slides - 1, int(now / step + 1e-9))
        inside = now - index * step
        picture = slide(index).at(inside)
        if index and case.fade and inside < case.fade - 1e-9:
            before = slide(index - 1).at(inside + step)
            if case.transition == "fade":
                picture = cv2.addWeighted(before, 1 - inside / case.fade, picture, inside / case.fade, 0)
            else:
                shift = round(case.width * inside / case.fade)
                picture = np.concatenate([before[:, shift:], picture[:, :shift]], axis=1)
        yield picture


def sound_options(case: Case, folder: Path, first: int) -> tuple[list[str], list[str]]:
    """FFmpeg's options for the sounds: (inputs, outputs); `first` is the number of the first input."""
    if not case.sounds:
        return [], []
    inputs: list[str] = []
    for index in range(case.sounds):
        inputs += ["-stream_loop", "-1", "-i", str(folder / f"sound{index}.wav")]
    seconds = case.frames / case.fps
    chains = [f"[{first + i}:a]volume={(0.8, 0.5)[i]},afade=t=in:d=0.5[a{i}]" for i in range(case.sounds)]
    mixed = "".join(f"[a{i}]" for i in range(case.sounds)) + f"amix={case.sounds}:normalize=0[a]"
    graph = ";".join([*chains, mixed])
    return inputs, [
        "-filter_complex",
        graph,
        "-map",
        "0:v",
        "-map",
        "[a]",
        "-c:a",
        "aac",
        "-b:a",
        "192k",
        "-t",
        f"{seconds}",
    ]


def pipe(case: Case, folder: Path, out: Path, codec: list[str], *, sound: bool = True) -> None:
    """Raw RGB frames into one FFmpeg."""
    inputs, outputs = sound_options(case, folder, 1) if sound else ([], [])
    size = f"{case.width}x{case.height}"
    command = [
        FFMPEG,
        "-v",
        "error",
        "-y",
        "-f",
        "rawvideo",
        "-pix_fmt",
        "rgb24",
        "-s",
        size,
        "-r",
        str(case.fps),
        "-i",
        "-",
    ]
    command += [*inputs, "-vf", TO_YUV, *outputs, *codec, *COLORS, "-movflags", "+faststart", str(out)]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        for picture in frames(case, folder):
            process.stdin.write(picture.data)
        process.stdin.close()
    if process.returncode:
        raise SystemExit(f"FFmpeg ended with {process.returncode}")


def concat(case: Case, folder: Path, out: Path) -> None:
    """FFmpeg's concat demuxer: a picture for each slide, shown for its time."""
    work = out.with_suffix(".stills")
    work.mkdir(exist_ok=True)
    lines = ["ffconcat version 1.0"]
    path = work
    for index in range(case.slides):
        path = work / f"{index}.png"
        cv2.imwrite(str(path), Slide(case, index, folder).at(0)[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 1])
        lines += [f"file {path}", f"duration {case.seconds}"]
    listed = work / "list.txt"
    listed.write_text("\n".join([*lines, f"file {path}"]) + "\n")
    inputs, outputs = sound_options(case, folder, 1)
    command = [FFMPEG, "-v", "error", "-y", "-f", "concat", "-safe", "0", "-i", str(listed), *inputs]
    command += ["-vf", f"fps={case.fps},{TO_YUV}", *outputs, *X264, *COLORS, "-frames:v", str(case.frames)]
    subprocess.run([*command, "-movflags", "+faststart", str(out)], check=True)


def png(case: Case, folder: Path, out: Path) -> None:
    """A PNG for each frame, as a browser's screenshots would be, then FFmpeg over them."""
    work = out.with_suffix(".frames")
    work.mkdir(exist_ok=True)
    for number, picture in enumerate(frames(case, folder)):
        Image.fromarray(picture).save(work / f"{number:06}.png")
    inputs, outputs = sound_options(case, folder, 1)
    command = [
        FFMPEG,
        "-v",
        "error",
        "-y",
        "-framerate",
        str(case.fps),
        "-i",
        str(work / "%06d.png"),
        *inputs,
    ]
    command += ["-vf", TO_YUV, *outputs, *X264, *COLORS, "-movflags", "+faststart", str(out)]
    subprocess.run(command, check=True)


def moviepy(case: Case, folder: Path, out: Path) -> None:
    """The frames as a clip of MoviePy, sound by its own mixer."""
    from moviepy import AudioFileClip, CompositeAudioClip, VideoClip, afx

    made = enumerate(frames(case, folder))
    kept: dict[str, Any] = {"number": -1, "picture": None}

    def frame_at(seconds: float) -> Picture:
        wanted = min(case.frames - 1, round(seconds * case.fps))
        while kept["number"] < wanted:
            kept["number"], kept["picture"] = next(made)
        return kept["picture"]

    length = case.frames / case.fps
    clip = VideoClip(frame_at, duration=length)
    if case.sounds:
        tracks = [
            AudioFileClip(str(folder / f"sound{i}.wav")).with_effects(
                [afx.AudioLoop(duration=length), afx.MultiplyVolume((0.8, 0.5)[i])]
            )
            for i in range(case.sounds)
        ]
        clip = clip.with_audio(CompositeAudioClip(tracks))
    clip.write_videofile(
        str(out), fps=case.fps, codec="libx264", preset="medium", audio_codec="aac", threads=2, logger=None,
        ffmpeg_params=["-crf", "23", "-pix_fmt", "yuv420p"],
    )  # fmt: skip


def main(way: str, name: str, folder: str, out: str) -> None:
    """Make one video."""
    case = next(case for case in CASES if case.name == name)
    at = Path(folder), Path(out)
    if way == "pipe":
        pipe(case, *at, X264)
    elif way == "lossless":
        pipe(case, *at, ["-c:v", "libx264", "-preset", "ultrafast", "-qp", "0"], sound=False)
    else:
        {"concat": concat, "png": png, "moviepy": moviepy}[way](case, *at)


if __name__ == "__main__":
    main(*sys.argv[1:5])
