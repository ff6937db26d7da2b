"""HTTP at the edge: the canonical API under /v1, event streams, and the dialects of older clients."""
