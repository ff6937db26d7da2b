"""GIF: pictures of up to 256 colours, each with its own palette and delay."""
