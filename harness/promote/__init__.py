"""The alias moved, and what production said of it."""
