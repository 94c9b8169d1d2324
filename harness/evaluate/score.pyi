# Written by docs/generate.py from the scorers' files; edit those instead.
from collections.abc import Callable

from harness.evaluate.scorers.budget import budget as budget
from harness.evaluate.scorers.calls import calls as calls
from harness.evaluate.scorers.check import check as check
from harness.evaluate.scorers.code import code as code
from harness.evaluate.scorers.date import date as date
from harness.evaluate.scorers.efficiency import efficiency as efficiency
from harness.evaluate.scorers.embedding import embedding as embedding
from harness.evaluate.scorers.first_failure import first_failure as first_failure
from harness.evaluate.scorers.json_fields import json_fields as json_fields
from harness.evaluate.scorers.json_schema import json_schema as json_schema
from harness.evaluate.scorers.label import label as label
from harness.evaluate.scorers.number import number as number
from harness.evaluate.scorers.outcome import outcome as outcome
from harness.evaluate.scorers.policy import policy as policy
from harness.evaluate.scorers.refusal import refusal as refusal
from harness.evaluate.scorers.reward import reward as reward
from harness.evaluate.scorers.safety import safety as safety
from harness.evaluate.scorers.similarity import similarity as similarity
from harness.evaluate.scorers.steps import steps as steps
from harness.evaluate.scorers.text import text as text
from harness.types import Score

def __getattr__(name: str) -> Callable[..., Score | tuple[Score, ...]]: ...  # a third party's scorer
