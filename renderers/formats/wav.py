"""WAV: sound as it is, 16 bits a sample."""

from renderers.recipes.sound import Sound
from renderers.sound.tracks import PCM, WavFile, refuse_large_wav

MAKER = Sound(version="1", codec=PCM, container=WavFile(), check=refuse_large_wav)
