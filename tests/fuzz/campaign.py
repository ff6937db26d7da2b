"""A run over many changed files of one kind: as many as are wanted, or for some time."""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from tests.fuzz.targets import Fault, Target


@dataclass
class Report:
    """What a run found. slowest: seconds. faults: what was wrong with which input, by its digest."""

    kind: str
    inputs: int = 0
    codes: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        codes = ", ".join(f"{count} {code}" for code, count in self.codes.most_common())
        found = f"{self.inputs} inputs, {len(self.faults)} faults"
        return f"{self.kind}: {found}, slowest {self.slowest:.1f} s ({codes})"


def run(
    kind: str,
    seed: int,
    *,
    inputs: int | None = None,
    seconds: float | None = None,
    kept: Path | None = None,
    told: Callable[[str], None] = lambda line: None,
) -> Report:
    """Try changed files until there were `inputs`, or for `seconds`. kept: a folder for those with faults."""
    report = Report(kind)
    end = None if seconds is None else time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target = Target(kind, Path(folder))
        try:
            while report.inputs != inputs and (end is None or time.monotonic() < end):
                data = target.changed(Random(f"{kind} {seed} {report.inputs}"))
                report.inputs += 1
                try:
                    outcome = target.try_file(data)
                    report.codes[outcome.code] += 1
                    report.slowest = max(report.slowest, outcome.seconds)
                except Fault as fault:
                    name = hashlib.sha256(data).hexdigest()[:12]
                    report.faults[name] = str(fault)
                    told(f"{kind} {report.inputs} {name}: {fault}")
                    if kept is not None:
                        (kept / f"{kind}-{name}").write_bytes(data)
        finally:
            target.close()
    return report
