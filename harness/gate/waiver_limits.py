"""Tell whether a waiver is in force: on the day of the verdict, for something, and not for longer than is allowed."""

from datetime import date, timedelta

from harness.gate import options as gate_options
from harness.types import Policy, Waiver

DAYS = gate_options.number("waiver_days", 90)
"""For how many days from the day of the verdict a waiver may run."""


def in_force(waiver: Waiver, today: str, policy: Policy) -> bool:
    """It names a case or a cluster, and `today` is its last day or up to `waiver_days` before that; without a date, never."""
    try:
        now, last = date.fromisoformat(today), date.fromisoformat(waiver.expires)
    except ValueError:
        return False
    return bool(waiver.case_id or waiver.cluster) and now <= last <= now + timedelta(days=float(DAYS.of(policy)))
