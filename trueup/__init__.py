"""trueup: what an eval file imports."""
