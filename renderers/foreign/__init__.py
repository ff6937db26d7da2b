"""Decoders of what customers supply. They run in the sandbox, and nothing else imports them."""
