"""Trackers of experiments that every night is logged to, one a file."""
