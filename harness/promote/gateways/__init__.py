"""Write the configuration of one gateway each, for the split of a canary."""
