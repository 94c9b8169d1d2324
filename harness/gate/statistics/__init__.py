"""Intervals, tests, power and sequential evidence. Differences are candidate minus baseline; rates lie in 0 to 1."""
