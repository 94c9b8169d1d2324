"""harness.statistics"""
