"""The one door to OpenCV: `from renderers._opencv import cv2`.

Loaded when first used: pictures that rest do without it. One thread each: who composes runs as many
compositors as there are cores. And `Any`: OpenCV's own stubs give every picture back as a number of
unknown kind.
"""

from __future__ import annotations

import importlib
from typing import Any


class _OpenCV:
    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module("cv2")
        module.setNumThreads(1)
        vars(self).update(vars(module))
        return getattr(module, name)


cv2: Any = _OpenCV()
