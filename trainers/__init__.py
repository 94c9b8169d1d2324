"""One recipe a file: each offers `train(request, on_point) -> Adapter`. What they share stands in the helpers below."""

HELPERS = (
    "batches",
    "checkpoints",
    "choices",
    "dataset",
    "descent",
    "forms",
    "launch",
    "loss",
    "memory",
    "models",
    "preview",
    "processes",
    "publish",
    "roundtrip",
    "tokens",
    "validation",
    "writing",
)
