"""Run suites against arms."""
