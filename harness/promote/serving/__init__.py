"""Serve models of the store behind one OpenAI-compatible address: names to arms, batches, HTTP, and the traces of it."""
