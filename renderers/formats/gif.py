"""GIF: distinct frames with delays. No sound."""

from renderers.gif.codec import Gif, GifFile, refuse
from renderers.recipes.film import Film

MAKER = Film(version="1", codec=Gif(), container=GifFile(), check=refuse)
