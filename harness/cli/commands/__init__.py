"""Offer the commands, one a file: `trueup mine` is `mine.py`. The folder is the list; nothing is registered.

A file holds a click command named as the file is, most often made with `_command.command`. It is a thin call of one verb
of `harness.loop` or of a module beside it; nothing is decided here. Nothing but click is imported at its top, so that
`trueup --help` answers at once.
"""
