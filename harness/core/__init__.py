"""Offer what every room needs: codec, files, keys, plug-ins, digests, the one renderer."""
