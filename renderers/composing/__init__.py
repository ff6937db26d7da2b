"""Frames from drawn layers: placed, blended and converted to YUV."""
