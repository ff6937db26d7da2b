"""The benchmark's projects for editly, as close as its layers come to them.

Its pictures are scaled to a width and not cut, its titles slide in from the side and fade, and where nothing
moves it draws every frame all the same. It is installed in `.cache/peers/editly` (docs/performance.md), and
needs an X server even where there are no transitions: `xvfb-run` starts one.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import orjson

from bench.peers import X264
from bench.projects import ZOOM, Case

PICTURE = ["-vf", "format=yuv420p", *X264]
SOUND = ["-c:a", "aac", "-b:a", "192k"]


def command(case: Case, cache: Path, out: Path) -> list[str] | None:
    """How editly makes a case, or None where it is not installed."""
    home = (cache / "peers" / "editly").absolute()
    program = home / "node_modules" / ".bin" / "editly"
    probe = home / "node_modules" / "ffprobe-static" / "bin" / "linux" / "x64" / "ffprobe"
    server = shutil.which("xvfb-run")
    if server is None or not (program.exists() and probe.exists()):
        return None
    folder = (cache / "bench").absolute()
    project = orjson.loads((folder / f"{case.name}.json").read_bytes())
    described = {
        "width": case.width,
        "height": case.height,
        "fps": case.fps,
        "outPath": str(out.absolute()),
        "ffmpegPath": imageio_ffmpeg.get_ffmpeg_exe(),
        "ffprobePath": str(probe),
        "customOutputArgs": PICTURE + (SOUND if case.sounds else []),
        "defaults": {"transition": {"name": "fade", "duration": case.fade} if case.fade else None},
        "clips": [
            {"duration": slide["duration"], "layers": _layers(slide, project, case, folder)}
            for slide in project["slides"]
        ],
        "audioTracks": [
            {"path": str(folder / track["src"]), "mixVolume": track.get("volume", 1)}
            for track in project["audio"]
        ],
    }
    path = home / f"{case.name}.json"
    path.write_bytes(orjson.dumps(described))
    return [server, "-a", str(program), "--json", str(path)]


def _layers(slide: dict[str, Any], project: dict[str, Any], case: Case, folder: Path) -> list[dict[str, Any]]:
    layers: list[dict[str, Any]] = [{"type": "fill-color", "color": slide["background"]["color"]}]
    for element in slide["elements"]:
        left, top = element["x"] / project["width"], element["y"] / project["height"]
        if element["type"] == "image":
            layers.append(
                {
                    "type": "image-overlay",
                    "path": str(folder / element["src"]),
                    "position": {"x": left, "y": top},
                    "width": element["width"] / project["width"],
                    "zoomDirection": "in" if case.zoom else None,
                    "zoomAmount": ZOOM - 1,
                }
            )
        elif case.title_moves:
            layers.append(
                {
                    "type": "slide-in-text",
                    "text": element["text"],
                    "fontSize": element["fontSize"] / project["width"],
                    "charSpacing": 0,
                    "position": {"x": left, "y": top},
                }
            )
        else:
            layers.append(
                {
                    "type": "title",
                    "text": element["text"],
                    "zoomDirection": None,
                    "position": {"x": left, "y": top, "originX": "left", "originY": "top"},
                }
            )
    return layers
