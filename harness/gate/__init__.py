"""Decide from runs: one verdict."""
