"""Suites of agents: tasks and runs that others have published."""
