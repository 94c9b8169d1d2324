"""What `benchmarks/eval.py` measures: the workloads, and one contestant a file."""
