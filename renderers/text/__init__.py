"""Text from characters to positioned glyphs: fonts, bidirectional order, shaping, line breaks, layout."""
