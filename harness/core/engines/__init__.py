"""Run tasks somewhere, one file an engine."""
