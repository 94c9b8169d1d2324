"""Parse and print: the command line."""
