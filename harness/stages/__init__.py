"""harness.stages"""
