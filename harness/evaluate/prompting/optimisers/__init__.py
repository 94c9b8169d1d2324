"""Search for a better prompt, one method a file: `optimise(trial, options) -> Prompt`."""
