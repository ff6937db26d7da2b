"""The one door to OpenCV: `from renderers._opencv import cv2`.

One thread each: who composes runs as many compositors as there are cores. And `Any`: OpenCV's own
stubs give every picture back as a number of unknown kind.
"""

from __future__ import annotations

import importlib
from typing import Any

cv2: Any = importlib.import_module("cv2")
cv2.setNumThreads(1)
