"""Targets in front of a person, in a local page."""
