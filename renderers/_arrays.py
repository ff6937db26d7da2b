"""`NDArray`, for annotations: numpy.typing lists every type there is, for what only type checkers read."""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
else:
    NDArray = np.ndarray

__all__ = ["NDArray"]
