"""One recipe a file: each offers `train(request, on_point) -> Adapter`. What they share stands in the helpers below."""

HELPERS = (
    "batches",
    "checkpoints",
    "choices",
    "dataset",
    "descent",
    "loss",
    "memory",
    "models",
    "preview",
    "publish",
    "roundtrip",
    "tokens",
)
