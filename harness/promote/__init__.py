"""Promote a verdict's adapter, and check what production said of it."""
