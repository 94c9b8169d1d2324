"""Offer the backends, one a file: each answers requests for the arms that it opened."""
