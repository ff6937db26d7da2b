"""The API, called through ASGI over adapters in memory."""
