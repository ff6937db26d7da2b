"""The stages of the stream, one file each, the loop that they share, and the projection."""
