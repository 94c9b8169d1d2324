"""Read replies in the form that a family of chat templates writes: one file a family.

A format says of a chat template whether it `writes` that form, and `read`s what a model of it wrote: text, reasoning and
tool calls. `harness.core.reading` chooses the format, lowest `RANK` first, and asks it. Files that start with an
underscore are what the formats share.
"""
