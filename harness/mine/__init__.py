"""Calls to failures, in clusters that are followed from night to night."""
