"""harness.rules"""
