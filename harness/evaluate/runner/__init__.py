"""Run suites under pytest: from a request to one run an arm, one step a file."""
