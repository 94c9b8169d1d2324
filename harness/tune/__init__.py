"""A dataset and a recipe to an adapter."""
