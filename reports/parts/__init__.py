"""What the reports are put together from: cases, groups, the first screen, plots, tables, words."""
