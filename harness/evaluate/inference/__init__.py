"""The local inference engine: prefixes shared, slots filled, grammar applied; what the `hf` backend stands on."""
