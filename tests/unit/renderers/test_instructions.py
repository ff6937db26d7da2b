"""What encoders are given, and that the bytes do not depend on memory or on what more a processor has."""

from __future__ import annotations

import ast
import importlib
import os
import platform
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.logging
import orjson
import pytest

import renderers
from exportstream.commands import doctor
from renderers import instructions
from renderers.h264.video import encode_moving
from tests.unit.renderers.encodings import ENCODERS
from tests.unit.renderers.media import picture
from tests.unit.renderers.test_video import SPEC

ROOT = Path(__file__).resolve().parents[3]
HASWELL = "flags\t\t: fpu sse2 ssse3 sse4_1 sse4_2 popcnt avx f16c bmi1 avx2 bmi2 fma abm"
WESTMERE = "flags\t\t: fpu sse2 ssse3 sse4_1 sse4_2 popcnt"
EPYC = f"{HASWELL} avx512f avx512dq avx512bw avx512vl avx512vbmi"

OPENCV_AVX512 = "AVX512-SKX,AVX512-CNL,AVX512-CLX,AVX512-ICL"
NO_AVX512 = {
    "OPENCV_CPU_DISABLE": OPENCV_AVX512,
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ",
}
NO_AVX2 = {
    "OPENCV_CPU_DISABLE": f"{OPENCV_AVX512},AVX2,AVX,FMA3,FP16",
    "GLIBC_TUNABLES": f"{NO_AVX512['GLIBC_TUNABLES']},-AVX2,-FMA",
}
"""Have libraries that choose for themselves do without (for NumPy: `numpy_without`)."""


def numpy_without(*prefixes: str) -> dict[str, str]:
    """Have NumPy do without those of its sets that begin so."""
    numpy_core: Any = importlib.import_module("numpy._core._multiarray_umath")
    names = [n for n in numpy_core.__cpu_dispatch__ if n.startswith(prefixes)]
    present = [n for n in names if numpy_core.__cpu_features__.get(n)]
    return {"NPY_DISABLE_CPU_FEATURES": " ".join(present)} if present else {}


ENVIRONMENTS: dict[str, Sequence[Mapping[str, str]]] = {
    "x86-64-v3": (
        {},
        {"MALLOC_PERTURB_": "85"},
        {"MALLOC_PERTURB_": "170", **NO_AVX512, **numpy_without("AVX512", "X86_V4")},
    ),
    "x86-64-v2": (
        {**NO_AVX2, **numpy_without("AVX", "FMA", "X86_V3", "X86_V4")},
        {"MALLOC_PERTURB_": "255", **NO_AVX2, **numpy_without("AVX", "FMA", "X86_V3", "X86_V4")},
    ),
    "aarch64": ({}, {"MALLOC_PERTURB_": "85"}, {"MALLOC_PERTURB_": "170"}),
    "generic": ({}, {"MALLOC_PERTURB_": "85"}),
}


def encoded(level: str, environ: Mapping[str, str]) -> dict[str, list[str]]:
    """The distinct hashes of all that a process encodes, six times each."""
    command = [sys.executable, "-m", "tests.unit.renderers.encodings", level, "6"]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **environ}, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found: dict[str, list[str]] = orjson.loads(done.stdout)
    return found


@pytest.fixture(scope="module")
def runs() -> list[tuple[str, dict[str, list[str]]]]:
    """What was encoded with each level that this processor offers, under each of its environments."""
    levels = [level.name for level in instructions.here()]
    return [(level, encoded(level, environ)) for level in levels for environ in ENVIRONMENTS[level]]


def test_the_same_is_encoded_to_the_same_bytes(runs: list[tuple[str, dict[str, list[str]]]]) -> None:
    """Every kind of chunk and of sound has one hash: with any level, whatever fresh memory holds."""
    assert len(runs) >= 2
    hashes: dict[str, set[str]] = {}
    for _, found in runs:
        for name, some in found.items():
            if not name.startswith("export "):
                hashes.setdefault(name, set()).update(some)
    assert {name: some for name, some in hashes.items() if len(some) > 1} == {}
    kinds = {name.split()[0] for name in hashes}
    assert {"still", "moving", "held", "capped", "known", "aac", "mp3", "flac", "pcm", "converted"} <= kinds


def test_every_format_is_the_same_on_processors_of_a_level(
    runs: list[tuple[str, dict[str, list[str]]]],
) -> None:
    """Whole files, with and without AVX-512 in what draws. Without AVX2, OpenCV rounds otherwise."""
    hashes: dict[tuple[str, str], set[str]] = {}
    for level, found in runs:
        for name, some in found.items():
            hashes.setdefault((level, name), set()).update(some)
    assert {key: some for key, some in hashes.items() if len(some) > 1} == {}


def test_no_encoder_is_left_out() -> None:
    """Whatever the sources open as an encoder, or have FFmpeg's program encode with, is encoded here."""
    folder = Path(renderers.__file__).parent
    used = {name for path in folder.rglob("*.py") for name in encoders_in(ast.parse(path.read_text()))}
    assert used == set(ENCODERS)


def encoders_in(tree: ast.Module) -> Iterator[str]:
    """Encoders in a module: given to `CodecContext.create(…, "w")`, or after `-c:v`, `-c:a`."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("CodecContext.create")
            and ast.literal_eval(node.args[1]) == "w"
        ):
            yield ast.literal_eval(node.args[0])
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("add_stream"):
            yield ast.literal_eval(node.args[0])
        if isinstance(node, ast.List | ast.Tuple):
            words = [item.value if isinstance(item, ast.Constant) else None for item in node.elts]
            for option, name in pairwise(words):
                if option in ("-c:v", "-c:a", "-c", "-codec", "-vcodec", "-acodec"):
                    assert isinstance(name, str)
                    yield name


@pytest.mark.parametrize(
    ("machine", "flags", "levels"),
    [
        ("x86_64", EPYC, ["x86-64-v3", "x86-64-v2"]),
        ("AMD64", HASWELL, ["x86-64-v3", "x86-64-v2"]),
        ("x86_64", WESTMERE, ["x86-64-v2"]),
        ("x86_64", HASWELL.replace(" bmi2", ""), ["x86-64-v2"]),
        ("x86_64", HASWELL.replace(" abm", ""), ["x86-64-v2"]),
        ("x86_64", "", ["x86-64-v2"]),
        ("aarch64", "", ["aarch64"]),
        ("arm64", "", ["aarch64"]),
        ("riscv64", "", ["generic"]),
    ],
)
def test_no_more_is_chosen_than_a_processor_has(machine: str, flags: str, levels: list[str]) -> None:
    """AVX2 at the most, and only with all that comes with it; what all have where nothing is known."""
    offered = instructions.offered(machine, instructions.cpuinfo_flags(flags))
    assert [level.name for level in offered] == levels
    assert not any("512" in level.x264 + level.ffmpeg for level in offered)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the names are those of x86-64")
def test_x264_uses_what_it_is_given() -> None:
    """It says so itself when it is opened: what it is given, by names that it knows, and no AVX-512."""
    before = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with av.logging.Capture() as messages:
            encode_moving(SPEC, [picture(0)], hold=False)
    finally:
        av.logging.set_level(before)
    (said,) = {text for _, _, text in messages if "cpu capabilities" in text}
    assert ("AVX2" in said) == (instructions.chosen().name == "x86-64-v3")
    assert "SSE4.2" in said
    assert "AVX512" not in said
    assert not [text for _, _, text in messages if "option 'asm" in text]


def test_ffmpeg_in_this_process_is_reached_and_let_go() -> None:
    """While its encoders are opened it has what it is given, and all that the processor has afterwards."""
    library = instructions.libavutil()
    before = library.av_get_cpu_flags()
    with instructions.in_ffmpeg():
        inside = library.av_get_cpu_flags()
    assert library.av_get_cpu_flags() == before
    assert inside & before == inside != before


def test_a_level_that_the_processor_lacks_is_refused() -> None:
    """In words that name those it has."""
    with pytest.raises(ValueError, match=f"offers {instructions.here()[0].name}"):
        instructions.restrict("x86-64-v9")


def test_doctor_says_what_encoders_are_given() -> None:
    """The level, and the sets of each encoder."""
    found = doctor._encoders()
    assert found.state == "fine"
    for word in (instructions.chosen().name, instructions.chosen().x264, instructions.chosen().ffmpeg):
        assert word in found.detail
