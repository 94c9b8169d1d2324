"""Run local models: shared prefixes, filled slots, grammars; the engine under the `hf` backend."""
