"""The object store: one interface over memory, files on disk, and S3."""
