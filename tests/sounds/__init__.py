"""Sounds of every container and codec, beside FFmpeg's own decoding."""
