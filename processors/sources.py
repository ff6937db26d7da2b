"""Stretches of sound from normal forms in the object store, read by range and decoded in the sandbox."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.store.base import ObjectStore
from processors.assets import Decoder
from renderers.sound.packets import HEAD, Index, read_head, span_of
from schemas.checks import nothing
from schemas.errors import InvalidInput
from schemas.plan import Asset

if TYPE_CHECKING:
    from numpy import float32
    from numpy.typing import NDArray

_KEPT = 64
"""Indices of sources that are kept: 60 kB for an hour."""
_BLOCK = 4 * 48_000
"""Samples of the blocks that are decoded, and kept for loops and for parts that follow one another."""
_KEPT_BLOCKS = 40  # 1.5 MB each


class SoundReader:
    """Reads samples of sound assets, cheaply many times in one process; safe for threads."""

    def __init__(self, store: ObjectStore, decoder: Decoder, work_dir: Path) -> None:
        self._store = store
        self._decoder = decoder
        self._work_dir = work_dir
        self._indices: OrderedDict[str, Index] = OrderedDict()
        self._kept: OrderedDict[tuple[str, int], NDArray[float32]] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, asset: Asset, first: int, count: int, check: Callable[[], None] = nothing
    ) -> NDArray[float32]:
        """`count` stereo samples at 48 kHz from `first` on, shape (count, 2); silence beyond the ends.

        Raises InvalidInput (`broken_source`) for a stored form that cannot be read, and Missing.
        """
        import numpy as np

        if asset.normal_key is None:
            raise InvalidInput("broken_source", "The sound was not decoded when the export was planned.")
        check()
        index = self._index(asset.normal_key)
        begin, end = max(0, first), min(index.stream.samples, first + count)
        sound = np.zeros((max(0, count), 2), np.float32)
        if begin >= end or not index.starts:
            return sound
        for number, block in self._blocks(asset.normal_key, index, begin, end, check):
            start = number * _BLOCK
            here, there = max(begin, start), min(end, start + len(block))
            sound[here - first : there - first] = block[here - start : there - start]
        return sound

    def _blocks(
        self, key: str, index: Index, begin: int, end: int, check: Callable[[], None]
    ) -> Iterator[tuple[int, NDArray[float32]]]:
        """The blocks that hold some samples, by their numbers, not in order; neighbours are read at once."""
        wanted = range(begin // _BLOCK, -(-end // _BLOCK))
        with self._lock:
            found = {number: self._kept[key, number] for number in wanted if (key, number) in self._kept}
            for number in found:
                self._kept.move_to_end((key, number))
        missing = [number for number in wanted if number not in found]
        yield from found.items()
        for _, run in groupby(enumerate(missing), lambda pair: pair[1] - pair[0]):
            numbers = [number for _, number in run]
            first, last = numbers[0] * _BLOCK, min(index.stream.samples, (numbers[-1] + 1) * _BLOCK)
            heard = self._decoded(key, index, first, last, check)
            for number in numbers:
                block = heard[number * _BLOCK - first : (number + 1) * _BLOCK - first]
                self._keep(key, number, block)
                yield number, block

    def _keep(self, key: str, number: int, block: NDArray[float32]) -> None:
        with self._lock:
            self._kept[key, number] = block.copy()  # a view would keep its neighbours in memory
            while len(self._kept) > _KEPT_BLOCKS:
                self._kept.popitem(last=False)

    def _decoded(
        self, key: str, index: Index, begin: int, end: int, check: Callable[[], None]
    ) -> NDArray[float32]:
        """Samples that are there, from the sandbox."""
        import numpy as np

        runs = index.runs(span_of(index.stream, begin, end - begin))
        part = index.part(runs[0].warm, runs[-1].end)
        start, length = index.offsets[runs[0].warm], part.offsets[-1] - HEAD.size
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="source-") as folder:
            path, out = Path(folder) / "part", Path(folder) / "samples"
            with path.open("wb") as file:
                file.write(part.head())
                file.writelines(self._store.open_range(key, start, length))
                file.write(part.to_bytes())
            job = {"op": "samples", "path": str(path), "out": str(out), "first": begin, "count": end - begin}
            self._decoder.run(job, check)
            return np.fromfile(out, "<f4").reshape(-1, 2)

    def _index(self, key: str) -> Index:
        with self._lock:
            if (known := self._indices.get(key)) is not None:
                self._indices.move_to_end(key)
                return known
        offset, size = read_head(b"".join(self._store.open_range(key, 0, HEAD.size)))
        index = Index.from_bytes(b"".join(self._store.open_range(key, offset, size)))
        with self._lock:
            self._indices[key] = index
            while len(self._indices) > _KEPT:
                self._indices.popitem(last=False)
        return index
