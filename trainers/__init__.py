"""One recipe a file: each offers `train(
) -> Adapter`. What they share stands in the helpers below."""
