"""Tune: make an adapter from a dataset and a recipe."""
