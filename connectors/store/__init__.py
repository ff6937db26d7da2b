"""The object store, behind one interface: in memory, on files, on S3."""
