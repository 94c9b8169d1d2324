"""Collect traces as they happen: an OTLP receiver on this machine, and the inbox in which they wait for ingest."""
