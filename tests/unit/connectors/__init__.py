"""Connectors without servers."""
