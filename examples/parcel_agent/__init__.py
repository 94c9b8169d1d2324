"""The agent's demo: a parcel desk with tools and state, whose scripted production agent fails in three planted ways."""
