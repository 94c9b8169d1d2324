"""Find secrets and personal data, one kind a file.

A detector has `RANK` (where two finds overlap, the lower one wins) and either `PATTERN` (RE2 syntax, on UTF-8 bytes) with
`confirm(text, start, end)`, which gives the part of a candidate to replace, or None; or `find(text)`, which gives such
parts itself. `HINT` is a cheap pattern that matches in every text in which `PATTERN` does, whatever stands before. `OVERLAPPING = True`: a refused candidate may
hold another one that starts later. `OPTIONAL = True`: only when named in `[privacy] kinds`. `KEY` (compiled) and `named(key, value)` judge
the value of a key by the key: `named` is asked where `KEY` matches. Values under a key that `NOT_UNDER` matches are not searched.
"""
