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
    "beginning",
    "conclude",
    "pair_rows",
    "scored",
    "trl_loop",
    "tokens",
)
