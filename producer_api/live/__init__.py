"""Live progress: snapshots of jobs on their way to those who listen."""
