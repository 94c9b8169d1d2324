"""Show targets to a person in a local page."""
