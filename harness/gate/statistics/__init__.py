"""Compute intervals, tests, power and sequential evidence. Differences are candidate minus baseline; rates are 0 to 1."""
