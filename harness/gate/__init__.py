"""Runs to one verdict."""
