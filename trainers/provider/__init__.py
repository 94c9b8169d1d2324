"""A provider that tunes for us."""
