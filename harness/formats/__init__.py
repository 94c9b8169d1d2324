"""harness.formats"""
