"""Read trace exports into calls, feedback and what could not be read."""
