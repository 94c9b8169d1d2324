"""Parse trace formats, one a file.

A format offers either or both of these pairs, and nothing is registered:

- for the records of a file: `claims(record) -> bool` says whether a record is its own, by a conjunction of keys;
  `pieces(record) -> Iterator[(key, piece)]` cuts it up; `join(pieces, options)` gets all pieces of one key, from
  whatever files they came, and gives the calls and feedback that they mean together, and counts such as
  `("repeated_calls", 2)`. Each piece has a fate: it is a call, feedback, a repeat, or counted as no call of a model
  (`_fates.aside`); a piece that is known to be none from the start is a `_fates.Passed` under the key None, and a
  `barrier.Bad` under None says why a part cannot be read: `barrier.each` makes one of every exception. `RANK` (default 50) orders the questions: a small one is asked first.
  `PAGES` names lists around records of the format, which are read one by one. `Piece` is the type of a piece when it is not plain JSON; its `producer`
  tells which library recorded it, where several can stand in one file. `CALLS = False`: the format holds no calls.
- for the spans of OpenTelemetry: `speaks(span) -> bool` and `fill(span, draft) -> bool`, which puts what its convention
  says into the draft and tells whether the span is a call to a model at all. `TRUST` (default 50) orders the dialects.
  `speaks` goes by the names of attributes and events only: its answer is remembered for spans of the same names.
"""
