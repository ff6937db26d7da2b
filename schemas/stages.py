"""The stages of the stream by name, in order. Apart from facts: the command line needs no more."""

from __future__ import annotations

from typing import Literal

StageName = Literal["plan", "render", "encode", "mix", "upload"]
STAGES: tuple[StageName, ...] = ("plan", "render", "encode", "mix", "upload")
