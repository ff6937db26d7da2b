"""MP4: H.264 and AAC."""

from renderers.h264.codec import H264, Mp4
from renderers.h264.widejoin import Mp4Segments
from renderers.recipes.film import Film
from renderers.sound.tracks import AAC

MAKER = Film(version="1", codec=H264(), container=Mp4(), sound=AAC, segments=Mp4Segments())
