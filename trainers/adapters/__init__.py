"""Attach adapters to a base model, one kind a file.

A kind offers `attach(model, recipe) -> model`: the model with fresh weights to train, everything else frozen. It may
also offer what `trainers.model.kind.Kind` lists; whatever it leaves out has the default there.
"""
