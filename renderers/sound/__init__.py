"""Sound: what is mixed, and how it is encoded."""
