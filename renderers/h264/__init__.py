"""H.264: pictures encoded by x264, pictures written without it, and the MP4 that they are joined to."""
