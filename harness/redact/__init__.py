"""Secrets and personal data out of everything that is kept."""
