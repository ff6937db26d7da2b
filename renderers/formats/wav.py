"""WAV: sound as it is, 16 bits a sample."""

from renderers.recipes.sound import Sound
from renderers.recipes.soundfiles import SoundFile, refuse_large_wav, wav_file
from renderers.sound.tracks import PCM

MAKER = Sound(version="1", codec=PCM, container=SoundFile(wav_file), check=refuse_large_wav)
