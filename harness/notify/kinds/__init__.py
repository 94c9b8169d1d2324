"""Ways to tell of a verdict, one a file."""
