"""What each format is made of, a file each, called as its row in `schemas.formats` is; loaded when needed."""
