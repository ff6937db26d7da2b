"""`python -m tests.fuzz [KIND …] --seconds 60`: changed files of every kind, and what went wrong."""

from __future__ import annotations

import argparse
import random
import sys
from pathlib import Path

from tests.fuzz.campaign import run
from tests.fuzz.seeds import MAKERS
from tests.fuzz.targets import Fault, Target


def main() -> int:
    """The number of faults, at most 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", metavar="KIND", help=", ".join(MAKERS))
    parser.add_argument("--seconds", type=float, default=60, help="of all kinds together")
    parser.add_argument("--inputs", type=int, help="of each kind, instead of a time")
    parser.add_argument("--seed", type=int, help="the same changes again; default: others each time")
    parser.add_argument("--keep", type=Path, help="a folder for files with faults")
    parser.add_argument("--again", type=Path, nargs="*", help="files of one kind to try, instead of a run")
    options = parser.parse_args()
    kinds = options.kinds or list(MAKERS)
    if options.again:
        return _again(kinds[0], options.again)
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    print(f"seed {seed}", flush=True)
    faults = 0
    for kind in kinds:
        seconds = None if options.inputs else options.seconds / len(kinds)
        report = run(kind, seed, inputs=options.inputs, seconds=seconds, kept=options.keep, told=_tell)
        print(report, flush=True)
        faults += len(report.faults)
    return min(1, faults)


def _tell(line: str) -> None:
    print(line, flush=True)


def _again(kind: str, paths: list[Path]) -> int:
    import tempfile

    faults = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:
        target = Target(kind, Path(folder))
        for path in paths:
            try:
                print(f"{path.name}: {target.try_file(path.read_bytes()).code}", flush=True)
            except Fault as fault:
                faults = 1
                print(f"{path.name}: {fault}", flush=True)
        target.close()
    return faults


if __name__ == "__main__":
    sys.exit(main())
