"""Live progress: distribution of job snapshots to listeners."""
