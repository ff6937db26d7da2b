"""A fuzz of each decoder: valid files, changed where their formats are understood."""
