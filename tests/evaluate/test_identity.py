"""What answers is known by its content, not by what it is called or where it lies."""

import shutil

import pytest
from msgspec.structs import replace

from harness.core.codec import write_lines
from harness.errors import InputError
from harness.evaluate.identity import content
from harness.types import Adapter, Arm, Message, Prompt, Recipe, TextPart
from tests.tiny import tiny_model


def prompted(text, name="p"):
    return Prompt(name=name, messages=(Message(role="system", parts=(TextPart(text=text),)),))


BASE = Arm(name="next", backend="constant", prompt=prompted("be brief"), options={"reply": "yes"})


@pytest.mark.parametrize("same", [{"name": "other"}, {"prompt": prompted("be brief", "renamed")}])
def test_names_are_no_content(same):
    """An arm or a prompt that is renamed is what it was."""
    assert content(replace(BASE, **same)) == content(BASE)


@pytest.mark.parametrize(
    "other",
    [
        {"prompt": prompted("be  brief")},
        {"prompt": replace(BASE.prompt, nearest=2)},
        {"options": {"reply": "no"}},
        {"template_options": {"enable_thinking": False}},
        {"backend": "scripted", "options": {"default": "yes"}},
    ],
)
def test_whatever_may_change_an_answer_is_content(other):
    """One more space in the prompt, another option, another backend."""
    assert content(replace(BASE, **other)) != content(BASE)


def test_an_endpoint_is_its_address_and_model():
    """The weights behind it cannot be read."""
    arm = Arm(name="a", backend="openai_compatible", model="m", options={"url": "http://x/v1"})
    others = [replace(arm, model="n"), replace(arm, options={"url": "http://y/v1"})]
    assert len({content(arm), *map(content, others)}) == 3


def test_a_model_is_its_files_wherever_they_lie(tmp_path):
    """A moved folder is the same model; other weights in the same folder are not."""
    tiny_model(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    arm = Arm(name="a", model=str(tmp_path / "one"))
    before = content(arm)
    assert content(replace(arm, model=str(tmp_path / "two"))) == before
    weights = next((tmp_path / "one").glob("*.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert content(arm) != before


def test_a_script_is_its_rules_wherever_they_lie(tmp_path):
    """The same file under two names is one candidate."""
    for name in ("one", "two"):
        (tmp_path / f"{name}.json").write_text('{"a": "b"}')
    arms = [Arm(name="a", backend="scripted", model=str(tmp_path / f"{name}.json")) for name in ("one", "two")]
    asked = [Arm(name="a", backend="scripted", options={"replies": arm.model}) for arm in arms]
    assert content(arms[0]) == content(arms[1]) and content(asked[0]) == content(asked[1])


def test_an_adapter_is_itself_only_as_it_was_trained(tmp_path):
    """Under another prompt it is another candidate: the prompt may be the change."""
    bound = dict.fromkeys(("base", "tokenizer", "template"), "0" * 64)
    made = Adapter(id="a" * 64, method="lora", dataset="d", recipe=Recipe(), prompt=prompted("be brief"), **bound)
    write_lines(tmp_path / "adapter.json", [made])
    tiny_model(tmp_path / "model")
    arm = Arm(name="mine", model=str(tmp_path / "model"), adapter=str(tmp_path), prompt=prompted("be brief", "short"))
    assert content(arm) == made.id
    assert content(replace(arm, prompt=prompted("be long"))) not in (made.id, content(replace(arm, adapter="")))


def test_what_cannot_be_read_is_an_error(tmp_path):
    """A model or a script that is not there has no content."""
    with pytest.raises(InputError):
        content(Arm(name="a", backend="scripted", model=str(tmp_path / "none.json")))
