"""Find corrections that look wrong: one sign a file."""
