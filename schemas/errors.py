"""Errors, named for what the caller does next.

    ExportError                a code, a sentence for the owner of the input, optionally a path into it
    ├── InvalidInput           deterministic: the job fails at once, a retry cannot help
    │   └── Missing            what was asked for does not exist (an asset, a project, an object)
    ├── Unavailable            infrastructure: retried with jittered back-off within a budget
    ├── InvalidMessage         a message that cannot be handled: dead-letter topic, then the next one
    └── Cancelled              the job was cancelled while the work was under way

Codes are snake_case and stable: clients and alerts may match on them.
"""

from __future__ import annotations


class ExportError(Exception):
    """An error with a stable `code`, a sentence its owner can act on, and a path into the input.

    `path` is written as in an error of a JSON document: `slides[2].elements[0].src`.
    """

    retriable = False

    def __init__(self, code: str, message: str, *, path: str | None = None) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.code = code
        self.message = message
        self.path = path


class InvalidInput(ExportError):
    """The input can never be exported as it is: the job fails at once."""


class Missing(InvalidInput):
    """Something that the input names does not exist."""


class Unavailable(ExportError):
    """A service that is needed did not answer: worth another try."""

    retriable = True


class InvalidMessage(ExportError):
    """A message that cannot be read: it goes to the dead-letter topic."""


class Cancelled(ExportError):
    """The work was given up because its job was cancelled, or because the worker shuts down."""
