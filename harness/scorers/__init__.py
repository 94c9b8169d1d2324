"""harness.scorers"""
