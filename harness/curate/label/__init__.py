"""Label calls: which to look at next, who agrees with whom, base against tuned without names, and other tools."""
