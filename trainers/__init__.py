"""One recipe a file: each offers `train(request, on_point) -> Adapter`. What they share stands in the helpers below."""

HELPERS = (
    "batches",
    "beginning",
    "checkpoints",
    "choices",
    "conclude",
    "dataset",
    "descent",
    "loss",
    "memory",
    "models",
    "on_policy",
    "pair_rows",
    "preview",
    "provider",
    "publish",
    "roundtrip",
    "scored",
    "teaching",
    "tokens",
    "trl_loop",
)
