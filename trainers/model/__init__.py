"""The base model, the parameters that are trained on it, and what both cost in memory."""
