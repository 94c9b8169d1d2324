"""harness.evaluate.runner: what stands between pytest and the models, one step a file."""
