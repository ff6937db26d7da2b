"""Real servers for tests and benchmarks, started without a container engine.

Each server is a handle with `start()` and `stop(kill=False)`: it keeps its port and its data in
between, so that a test can take it away and bring it back.
"""
