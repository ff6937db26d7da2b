"""Words of languages that write none apart: Thai, Lao, Khmer, Burmese, by ICU's dictionaries inside Skia."""

from __future__ import annotations


def split_words(text: str) -> list[int]:
    """Where a word begins inside `text`, a run of South East Asian characters."""
    return []
