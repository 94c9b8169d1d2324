"""Turn comparisons into findings, one rule a file: `findings(context) -> Iterator[Finding]`. `_*.py` are helpers."""
