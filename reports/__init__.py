"""Render reports: one `Story` in, one file out. A report runs nothing from a trace and loads nothing from anywhere."""
