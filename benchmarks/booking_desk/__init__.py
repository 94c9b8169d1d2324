"""The whole loop on the traces of a real booking assistant, and its null control."""
