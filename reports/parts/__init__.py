"""Build the parts of reports: cases, groups, the first screen, plots, tables, words."""
