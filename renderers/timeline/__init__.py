"""When what is seen: slides, animations, states of frames, and the chunks they are cut into."""
