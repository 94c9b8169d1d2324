"""Grade with a model as judge: its prompt, its verdicts, and the trial that it must pass first."""
