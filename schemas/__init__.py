"""The contract between services: documents, messages, topics, lifecycle and errors. Pure: no I/O."""
