"""Run a task of lm-evaluation-harness as a suite: `suite(role=guard())(task("arc_easy"))`."""

from harness.evaluate.lm_tasks import task

__all__ = ["task"]
