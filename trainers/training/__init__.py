"""Share what recipes need while they train: the descent, its loss, checkpoints and validation."""
