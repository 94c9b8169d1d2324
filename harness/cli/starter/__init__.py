"""Write the files of a new project: a plain start, or one made from recorded calls."""
