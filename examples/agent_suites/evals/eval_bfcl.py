"""Play BFCL's multi-turn tasks with its own APIs (`pip install --no-deps bfcl-eval mpmath`), judged as BFCL judges them:
after each turn the APIs are as the possible answer leaves them, and every result of that answer has been seen."""

import json
from collections import Counter
from copy import deepcopy
from importlib import import_module, resources

from bfcl_eval.constants.executable_backend_config import CLASS_FILE_PATH_MAPPING, STATELESS_CLASSES

from trueup import cases, score, suite, target, tools

DATA, NAME = resources.files("bfcl_eval") / "data", "BFCL_v4_multi_turn_base.json"
PARTS = [(DATA / part / NAME).read_text("utf-8").splitlines() for part in ("", "possible_answer")]
ROWS = [{"excluded_function": [], **json.loads(task), **json.loads(key)} for task, key in zip(*PARTS, strict=True)]


def apis(case):
    made = {name: getattr(import_module(CLASS_FILE_PATH_MAPPING[name]), name)() for name in case["involved_classes"]}
    for name in made.keys() - STATELESS_CLASSES:
        made[name]._load_scenario(deepcopy(case["initial_config"].get(name, {})))
    return made


@suite(role=target())
@cases(ROWS)
def eval_multi_turn(case, model):
    mine, right = apis(case), apis(case)
    act = {name: getattr(api, name) for api in right.values() for name in dir(api) if not name.startswith("_")}
    chat = model.session(tools=tools.methods(*mine.values(), but=case["excluded_function"]), turns=80)
    now, due, names = {}, {}, []
    for turn, (said, calls) in enumerate(zip(case["question"], case["ground_truth"], strict=True), 1):
        chat.say(said[0]["content"])
        results = Counter(json.dumps(eval(call, act), sort_keys=True, default=float) for call in calls)
        lacking = results - Counter(json.dumps(json.loads(step.result), sort_keys=True) for step in chat.steps)
        now[f"turn {turn}"] = deepcopy(mine) | {"lacking": [*lacking]}
        due[f"turn {turn}"] = deepcopy(right) | {"lacking": []}
        names += [call.split("(")[0] for call in calls]
    return score.outcome(now, due), score.steps(chat, must=names)
