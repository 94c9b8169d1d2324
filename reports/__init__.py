"""Reports: one `Story` in, one file out. A report runs nothing that stands in a trace and loads nothing from anywhere."""
