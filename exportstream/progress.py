"""How an export is doing, for a person: a bar for each stage on a terminal, sparse lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self, TextIO

from schemas.stages import StageName

LINE_STEP = 25
"""Without a terminal a line is written each time progress passes a multiple of this."""
WORDS = {
    "plan": "plan      fetch, check, cut",
    "render": "render    draw layers",
    "encode": "encode    compose, H.264",
    "mix": "mix       sound, join",
    "upload": "upload    verify, publish",
}


class Progress:
    """Shows stages as they come on; used as a context manager. Writes to standard error."""

    def __init__(self, title: str, *, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._title = title
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}
        self._step = -1

    def __enter__(self) -> Self:
        if not self._quiet and self._stream.isatty():
            self._bars = _bars(self._stream)
            self._bars.console.print(f"[bold]{self._title}[/bold]")
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bars is not None:
            self._bars.stop()

    def update(self, stages: Mapping[StageName, float], progress: int) -> None:
        """Show how far each stage is, 0 to 1, and the whole, 0 to 100."""
        if self._bars is not None:
            for stage, share in stages.items():
                if stage not in self._tasks:
                    self._tasks[stage] = self._bars.add_task(WORDS.get(stage, stage), total=1.0)
                self._bars.update(self._tasks[stage], completed=share)
        elif not self._quiet and (step := progress // LINE_STEP) > self._step:
            self._step = step
            busy = " ".join(f"{stage} {share:.0%}" for stage, share in stages.items() if share)
            print(f"{self._title}: {progress} %  {busy}".rstrip(), file=self._stream, flush=True)


def _bars(stream: TextIO) -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("  {task.description:<26}"),
        BarColumn(bar_width=36, complete_style="cyan", finished_style="green"),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    return Bars(*columns, console=Console(file=stream), transient=False, refresh_per_second=12)


def human_size(size: int) -> str:
    """Bytes for people: 1.4 MB."""
    value = float(size)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def human_duration(seconds: float) -> str:
    """Seconds for people: 1:05.2."""
    minutes, rest = divmod(seconds, 60)
    return f"{int(minutes)}:{rest:04.1f}"
