"""What the formats of results are made of, a file each."""
