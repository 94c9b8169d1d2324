"""Trace exports to calls, feedback and what could not be read."""
