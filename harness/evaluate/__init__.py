"""Suites x arms to runs."""
