"""Stretches of sound from normal forms in the object store, read by range and decoded in the sandbox."""

from __future__ import annotations

import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
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


class SoundReader:
    """Reads samples of sound assets, cheaply many times in one process; safe for threads."""

    def __init__(self, store: ObjectStore, decoder: Decoder, work_dir: Path) -> None:
        self._store = store
        self._decoder = decoder
        self._work_dir = work_dir
        self._indices: OrderedDict[str, Index] = OrderedDict()
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
        if count <= 0 or begin >= end or not index.starts:
            return np.zeros((max(0, count), 2), np.float32)
        runs = index.runs(span_of(index.stream, begin, end - begin))
        part = index.part(runs[0].warm, runs[-1].end)
        start, length = index.offsets[runs[0].warm], part.offsets[-1] - HEAD.size
        with tempfile.TemporaryDirectory(dir=self._work_dir, prefix="source-") as folder:
            path, out = Path(folder) / "part", Path(folder) / "samples"
            with path.open("wb") as file:
                file.write(part.head())
                file.writelines(self._store.open_range(asset.normal_key, start, length))
                file.write(part.to_bytes())
            job = {"op": "samples", "path": str(path), "out": str(out), "first": begin, "count": end - begin}
            self._decoder.run(job, check)
            heard = np.fromfile(out, "<f4").reshape(-1, 2)
        if len(heard) == count:
            return heard
        sound = np.zeros((count, 2), np.float32)
        sound[begin - first : end - first] = heard
        return sound

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
