"""JPEG: a picture packed with loss, its colours as finely sampled as its brightness."""

from renderers.recipes.pages import Pages
from renderers.stored.pictures import CodedPicture

MAKER = Pages(version="1", writer=CodedPicture("JPEG", {"subsampling": 0, "optimize": True}))
