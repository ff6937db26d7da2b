"""M4A: AAC alone in MP4."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import SoundFile, m4a_file
from renderers.sound.tracks import AAC

MAKER = Sound(version="1", codec=AAC, container=SoundFile(m4a_file))
