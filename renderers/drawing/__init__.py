"""Layers to pixels: backgrounds, shapes, images and glyphs, drawn by Skia."""
