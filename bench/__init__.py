"""Benchmarks: what the engine, the stream and the API cost, measured side by side with others."""
