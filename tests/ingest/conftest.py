"""Register the profile of long fuzzing: `pytest tests/ingest/test_fuzzed.py --hypothesis-profile long`."""

from hypothesis import settings

settings.register_profile("long", max_examples=3000)
