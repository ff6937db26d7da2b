"""FLAC: sound packed without loss."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import SoundFile, flac_file
from renderers.sound.tracks import FLAC

MAKER = Sound(version="1", codec=FLAC, container=SoundFile(flac_file))
