"""harness.evaluate.backends"""
