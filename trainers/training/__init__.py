"""What recipes share while they train: the descent, its loss, checkpoints and validation."""
