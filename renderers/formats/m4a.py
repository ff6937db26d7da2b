"""M4A: AAC alone in MP4."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import M4aFile
from renderers.sound.tracks import AAC

MAKER = Sound(version="1", codec=AAC, container=M4aFile())
