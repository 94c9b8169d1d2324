"""One gate rule a file: `findings(context) -> Iterator[Finding]`. A file that starts with an underscore is a helper."""
