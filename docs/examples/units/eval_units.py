"""Any Python function as a scorer, with a fixture, parameters, repeats, a case that is known to fail, one to skip."""

import pytest

from trueup import cases, guard, score, suite

FACTORS = {"km": 1000, "m": 1, "cm": 0.01}
ROWS = [
    {"id": "run", "text": "How far is 2 km?", "metres": 2000},
    {"id": "table", "text": "How long is 150 cm?", "metres": 1.5},
    {"id": "mile", "text": "How far is a mile?", "metres": 1609, "xfail": "miles are not taught yet"},
    {"id": "sea", "text": "How far is a league?", "metres": 5556, "skip": "nobody says league"},
]


@pytest.fixture
def metres():
    """Reads a length such as `2 km` in metres; nan where there is none."""

    def read(text):
        number, _, unit = text.partition(" ")
        return float(number) * FACTORS[unit] if unit in FACTORS else None

    return read


@suite(role=guard(margin=0.05), repeats=2)
@pytest.mark.parametrize("ending", ["", " Answer with number and unit."])
@cases(ROWS)
def eval_units(case, model, metres, ending):
    said = metres(model.chat(case.text + ending, max_tokens=8, temperature=0.7).text)
    return score.check("length", said is not None and abs(said - case["metres"]) < 0.01, f"{said} metres")
