"""WebP: a picture packed with loss, about a third smaller than JPEG."""

from renderers.recipes.pages import Pages
from renderers.stored.pictures import CodedPicture

MAKER = Pages(version="1", writer=CodedPicture("WEBP", {"method": 4}))
