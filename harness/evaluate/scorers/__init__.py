"""Score replies, one family of scores a file; the function named as the file is what `score.NAME` is."""
