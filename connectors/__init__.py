"""All that talks to the outside: Kafka, object store, SQL, HTTP fetches, FFmpeg and sandboxed decoders."""
