"""Container files, written box by box: samples of any codec become a file without being encoded again."""
