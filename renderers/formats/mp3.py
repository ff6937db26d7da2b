"""MP3: sound packed with loss, understood everywhere."""

from renderers.recipes.sound import Sound
from renderers.sound.tracks import MP3, SoundFile

MAKER = Sound(version="1", codec=MP3, container=SoundFile())
