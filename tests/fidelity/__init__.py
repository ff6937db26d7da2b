"""Our drawing beside Chromium's of the same design: `pytest tests/fidelity`, `python -m tests.fidelity`."""
