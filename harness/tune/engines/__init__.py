"""Run tuning jobs in another process or on another machine, one engine a file."""
