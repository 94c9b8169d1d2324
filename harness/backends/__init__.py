"""harness.backends"""
