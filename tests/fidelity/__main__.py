"""`python -m tests.fidelity [--out DIR] [--only PART]`: the table of results; sheets of ours, Chromium's, and
the difference five times over.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import cv2
import numpy as np

from renderers.stored.pixels import Pixels
from tests.fidelity.cases import CASES, HEIGHT, WIDTH
from tests.fidelity.compare import Result, compare

_ON_SHEET = 8


def main(arguments: list[str]) -> None:
    """Draw, compare, write."""
    parser = argparse.ArgumentParser(prog="python -m tests.fidelity", description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder for the contact sheets")
    parser.add_argument("--only", default="", help="cases with this in their names")
    options = parser.parse_args(arguments)
    results, browser = compare([case for case in CASES if options.only in case.name])
    print(table(results, browser))
    if options.out is not None:
        options.out.mkdir(parents=True, exist_ok=True)
        for at in range(0, len(results), _ON_SHEET):
            sheet = np.vstack([_row(result) for result in results[at : at + _ON_SHEET]])
            cv2.imwrite(str(options.out / f"sheet{at // _ON_SHEET:02}.png"), sheet[..., ::-1])


def table(results: list[Result], browser: str) -> str:
    """Markdown, for docs/fidelity.md."""
    rows = [f"Against {browser}:", "", "| picture | SSIM | levels | lines | line ends, px | box, px |"]
    rows.append("|---|---|---|---|---|---|")
    for result in results:
        box = "" if result.ink is None else str(result.ink)
        lines = "alike" if result.starts else "**differ**"
        is_text = any(part["type"] == "text" for part in result.case.elements)
        ends = f"{lines} | {result.reach:.2f}" if is_text else " | "
        rows.append(f"| {result.case.name} | {result.ssim:.4f} | {result.difference:.2f} | {ends} | {box} |")
    return "\n".join(rows)


def _row(result: Result) -> Pixels:
    ours, theirs = result.ours[..., :3], result.theirs[..., :3]
    apart = np.abs(ours.astype(np.int16) - theirs) * 5
    row = np.hstack([ours, theirs, np.clip(255 - apart, 0, 255).astype(np.uint8)])
    row = np.ascontiguousarray(cv2.copyMakeBorder(row, 18, 2, 0, 0, cv2.BORDER_CONSTANT, value=(60, 60, 60)))
    said = f"{result.case.name}  ssim {result.ssim:.4f}  diff {result.difference:.2f}"
    cv2.putText(row, said, (4, 13), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    assert row.shape == (HEIGHT + 20, 3 * WIDTH, 3)
    return row


if __name__ == "__main__":
    main(sys.argv[1:])
