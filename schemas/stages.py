"""The stages of the stream by name, in order. Apart from facts: the command line needs no more."""

from __future__ import annotations

from typing import Literal

StageName = Literal["plan", "render", "encode", "mix", "upload"]
STAGES: tuple[StageName, ...] = ("plan", "render", "encode", "mix", "upload")

STAGES_OF: dict[str, tuple[StageName, ...]] = {
    "mp4": STAGES,
    "mp3": ("plan", "mix", "upload"),
    "json": ("plan", "render", "upload"),
}
"""The stages that an export of each format goes through."""
