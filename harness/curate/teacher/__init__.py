"""Ask a teacher for targets and other wordings, accepted by the suites."""
