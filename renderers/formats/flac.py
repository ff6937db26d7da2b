"""FLAC: sound packed without loss."""

from renderers.recipes.sound import Sound
from renderers.sound.tracks import FLAC, SoundFile

MAKER = Sound(version="1", codec=FLAC, container=SoundFile())
