"""The command line and the composition root: the only place where adapters are wired together."""

__version__ = "0.1.0"
