"""Find a better prompt by search over training rows: the cheaper fix, which a fine-tune then has to beat."""
