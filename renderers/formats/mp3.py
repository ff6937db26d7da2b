"""MP3: sound packed with loss, understood everywhere."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import SoundFile, mp3_file
from renderers.sound.tracks import MP3

MAKER = Sound(version="1", codec=MP3, container=SoundFile(mp3_file))
