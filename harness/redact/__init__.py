"""Redact secrets and personal data in everything that is kept."""
