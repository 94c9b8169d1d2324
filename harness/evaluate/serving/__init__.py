"""Reach model servers: calls over HTTP, a server of our own, adapters at run time, and a comparison with `hf`."""
