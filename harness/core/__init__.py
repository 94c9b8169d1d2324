"""What every room stands on: codec, files, plug-ins, digests, the one renderer."""
