"""harness.detectors"""
