"""One kind of adapter a file: what is trained on a base model.

A kind offers `attach(model, recipe) -> model`: the model with fresh weights to train, everything else frozen. It may
also offer what `trainers.model.kind.Kind` lists; whatever it leaves out has the default there.
"""
