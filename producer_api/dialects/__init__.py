"""Dialects: how clients of each system request exports. One file each, and their table."""

from producer_api.dialect import Dialect
from producer_api.dialects import s0, v1

DIALECTS: tuple[Dialect, ...] = (v1.DIALECT, s0.DIALECT)
"""All dialects that are served, in the order in which their routes are matched."""
