"""Targets and other wordings from a teacher, accepted by the suites."""
