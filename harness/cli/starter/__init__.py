"""The files that `trueup init` writes: a plain start, or one that is read off recorded calls."""
