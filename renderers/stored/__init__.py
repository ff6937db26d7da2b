"""Forms at rest: how pixels and layers lie in the object store, and PNG."""
