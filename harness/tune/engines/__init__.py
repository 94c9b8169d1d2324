"""Run a job of a trainer in another process."""
