"""harness.engines"""
