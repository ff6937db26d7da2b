"""M4A: AAC alone in MP4."""

from renderers.recipes.sound import Sound
from renderers.sound.tracks import AAC, M4aFile

MAKER = Sound(version="1", codec=AAC, container=M4aFile())
