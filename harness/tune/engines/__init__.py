"""harness.tune.engines"""
