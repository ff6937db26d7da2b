"""WAV: sound as it is, 16 bits a sample."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import WavFile, refuse_large_wav
from renderers.sound.tracks import PCM

MAKER = Sound(version="1", codec=PCM, container=WavFile(), check=refuse_large_wav)
