"""Tests of what surrounds the code: requirements, deployment, commands of the repository."""
