"""The vllm backend against a stand-in server: the answers of `hf`, adapters at run time, and what is refused."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from msgspec.structs import replace
from peft import PeftModel
from transformers import AutoModelForCausalLM

from benchmarks.evaluation.adapter import make
from harness.core import codec
from harness.core.adapters import MANIFEST, content_id, read_manifest
from harness.errors import InvalidError, TrueupError, UsageError
from harness.evaluate.backends import hf, openai_compatible, vllm
from harness.evaluate.serving import calls, comparison
from harness.evaluate.serving.calls import EndpointError
from harness.evaluate.serving.runtime_adapters import PREFIX, allowed_rank
from harness.evaluate.serving.served import started
from harness.types import Arm, Reply, Request
from tests.evaluate.model_server import ModelServer, serving
from tests.tiny import tiny_model, tiny_tokenizer

STRONG = {"seed": 1, "size": 0.5, "rank": 4, "alpha": 8}
"""An adapter that changes the model a lot."""


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path_factory):
    """Short pauses, and findings of this session only."""
    monkeypatch.setattr(calls, "FIRST_PAUSE", 0.001)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "cache"))


@pytest.fixture(scope="module")
def adapter(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(folder, tmp_path_factory.mktemp("adapter"), **STRONG)


@pytest.fixture(scope="module")
def think(folder: Path, adapter: Path):
    """What the weights say of the next token: the base's, or with the adapter for any name of one."""
    base = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tuned = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32), adapter).eval()

    @torch.inference_mode()
    def next_token(model: str, row: list[int]) -> list[float]:
        chosen = tuned if model.startswith(PREFIX) else base
        return chosen(input_ids=torch.tensor([row])).logits[0, -1].log_softmax(-1).tolist()

    return next_token


@pytest.fixture
def server(folder, think):
    with serving(ModelServer(str(folder), think)) as running:
        running.decode = tiny_tokenizer().decode
        yield running


@pytest.fixture
def base(folder, server) -> Arm:
    options = {"url": server.url, "dtype": "float32", "retries": 1}
    return Arm(name="base", backend="vllm", model=str(folder), options=options)


@pytest.fixture
def tuned(base, adapter) -> Arm:
    return replace(base, name="tuned", adapter=str(adapter))


@pytest.fixture
def unchecked(base) -> Arm:
    return replace(base, options={**base.options, "compare": False})


def test_a_server_answers_as_hf_does(base, tuned, user):
    """Chat, raw text, stop strings and continuations, with and without the adapter: text, finish, tokens and sums."""
    asked = [
        Request(messages=user("a table for four people"), max_tokens=12),
        Request(kind="complete", text="We are four people", max_tokens=9),
        Request(kind="complete", text="We are four people", max_tokens=30, stop=("e",)),
        Request(kind="loglikelihood", text="The answer is", options=(" right", " right or wrong", " a dog")),
        Request(kind="loglikelihood", messages=user("Which?"), options=("A", "B")),
        Request(messages=user("a " * 3000)),
    ]
    backend = vllm.open([base, tuned])
    for arm in (base, tuned):
        local = replace(arm, backend="hf", options={"dtype": "float32"})
        there, here = backend.answer(arm, asked), hf.open([local]).answer(local, asked)
        for theirs, ours in zip(there[:-1], here[:-1], strict=True):
            assert (theirs.text, theirs.finish_reason, theirs.greedy) == (ours.text, ours.finish_reason, ours.greedy)
            assert theirs.logprobs == pytest.approx(ours.logprobs, abs=1e-3)
            assert theirs.usage == ours.usage
        assert str(there[-1]) == str(here[-1]) and "reads 2048" in str(there[-1])
    (note,) = backend.notes().values()
    assert "0.32.0" in note and "base: greedy tokens agree" in note and "tuned: greedy tokens agree" in note


def test_what_is_sent(unchecked, server, user, folder):
    """Token ids of our own rendering, every sampling parameter, stop tokens, the schema in its order; seeds by repeat."""
    schema = {"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "string"}}}
    asked = [
        Request(messages=user("a table"), max_tokens=5, stop=("x",), schema=schema),
        Request(kind="complete", text="four", temperature=0.5, top_p=0.9, seed=7, repeat=2, max_tokens=3),
    ]
    backend = vllm.open([unchecked])
    assert all(isinstance(reply, Reply) for reply in backend.answer(unchecked, asked))
    first, second = sorted(server.bodies("/v1/completions"), key=lambda body: "structured_outputs" not in body)
    assert all(isinstance(token, int) for token in first["prompt"][0]) and first["return_token_ids"]
    assert list(first["structured_outputs"]["json"]["properties"]) == ["b", "a"]
    assert (first["stop"], first["max_tokens"], first["temperature"]) == (["x"], 5, 0.0) and "seed" not in first
    assert first["stop_token_ids"] and (first["top_k"], first["repetition_penalty"]) == (0, 1.0)
    assert (second["temperature"], second["top_p"], second["seed"]) == (0.5, 0.9, 9)


def test_continuations_share_their_prompts(unchecked, server):
    """One row a place of the tree, not one a token: what two continuations begin with is asked once."""
    backend = vllm.open([unchecked])
    backend.answer(unchecked, [Request(kind="loglikelihood", text="We", options=(" are", " are four", " a"))])
    (body,) = server.bodies("/v1/completions")
    rows = [tuple(row) for row in body["prompt"]]
    assert len(rows) == len(set(rows)) and all(row[: len(rows[0])] == rows[0] for row in rows)


def test_many_continuations_take_several_calls(unchecked, server, folder):
    """vLLM gives 128 tokens a call: more are asked in parts, and the sums are those of hf."""
    options = tuple(f" {chr(first)}{chr(second)}" for first in range(97, 123) for second in range(65, 72))
    asked = [Request(kind="loglikelihood", text="We are", options=options)]
    (there,) = vllm.open([unchecked]).answer(unchecked, asked)
    local = Arm(name="base", model=str(folder), options={"dtype": "float32"})
    (here,) = hf.open([local]).answer(local, asked)
    assert there.logprobs == pytest.approx(here.logprobs, abs=1e-3) and there.greedy == here.greedy
    assert max(len(body["logprob_token_ids"]) for body in server.bodies("/v1/completions")) <= 128


def test_other_weights_are_noticed(base, server, tmp_path):
    """A server whose weights are others, under the right name, is refused before anything is asked."""
    other = AutoModelForCausalLM.from_pretrained(tiny_model(tmp_path / "other", seed=5)).eval()
    with torch.inference_mode():
        server.think = lambda model, row: other(input_ids=torch.tensor([row])).logits[0, -1].log_softmax(-1).tolist()
        with pytest.raises(InvalidError, match="does not answer as hf does for arm base"):
            vllm.open([base]).answer(base, [Request(kind="complete", text="a")])


def test_an_adapter_that_is_not_applied_is_noticed(tuned, server, think):
    """The server accepts the adapter, and answers as the base."""
    server.think = lambda model, row: think(server.name, row)
    with pytest.raises(InvalidError, match="arm tuned"):
        vllm.open([tuned]).answer(tuned, [Request(kind="complete", text="a")])


def test_log_likelihoods_that_drift_are_noticed(base, server, think):
    """The same greedy tokens with other probabilities, as quantized weights have, are another model's."""
    server.think = lambda model, row: [chance * 1.1 for chance in think(model, row)]
    with pytest.raises(InvalidError, match="log-likelihoods differ by"):
        vllm.open([base]).answer(base, [Request(kind="complete", text="a")])


def test_what_hf_answers_is_computed_once(base, server, monkeypatch):
    """The second evaluation with the same weights and code loads none."""
    request = Request(kind="complete", text="a", max_tokens=2)
    first = vllm.open([base]).answer(base, [request])
    monkeypatch.setattr(comparison, "Resident", None)
    (again,) = vllm.open([base]).answer(base, [request])
    assert isinstance(again, Reply) and again.text == first[0].text


def test_a_comparison_that_is_off_is_noted(unchecked):
    backend = vllm.open([unchecked])
    backend.answer(unchecked, [Request(kind="complete", text="a", max_tokens=2)])
    assert "compare = false" in next(iter(backend.notes().values()))


def test_near_ties_may_go_either_way():
    """Greedy tokens are compared up to the first place where hf was nearly undecided."""
    known = comparison.HfAnswers(
        rows=((1,),), greedy=((5, 6, 7),), margins=((2.0, 0.1, 2.0),), scored=((1,),), likelihoods=(0.0,)
    )
    none: frozenset[int] = frozenset()
    assert not comparison._first_difference(known, 0, [5, 9, 1], none)
    assert "greedy token 1" in comparison._first_difference(known, 0, [4, 6, 7], none)
    assert "greedy token 3" in comparison._first_difference(known, 0, [5, 6, 1], none)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "gpt2", "root": "org/gpt2"}, "serves 'gpt2', not"),
        ({"max_model_len": 8}, "--max-model-len"),
        ({"refusal": "LoRA rank 4 is greater than max_lora_rank 2."}, "--max-lora-rank 8"),
        ({"refusal": "LoRA is not enabled."}, "--enable-lora"),
        ({"faults": {"/v1/load_lora_adapter": 404}}, "cannot load the adapter: HTTP 404"),
        ({"faults": {"/v1/models": 500}}, "does not list its models"),
        ({"faults": {"/v1/models": b"{}"}}, "does not answer"),
    ],
)
def test_what_cannot_work_is_refused_before_a_prompt_is_sent(tuned, server, user, change, message):
    """Another model, LoRA off or too small, too short: one message that says what to type, and nothing was generated."""
    arm = replace(tuned, options={**tuned.options, "compare": False})
    for name, value in change.items():
        setattr(server, name, value)
    with pytest.raises(TrueupError) as caught:
        vllm.open([arm]).answer(arm, [Request(messages=user("a table for four people"))])
    assert message in str(caught.value) and caught.value.next
    assert not server.bodies("/v1/completions")


def test_a_server_that_is_not_there_is_refused_at_once(base):
    arm = replace(base, options={**base.options, "url": "http://127.0.0.1:9/v1"})
    with pytest.raises(EndpointError, match="does not answer") as caught:
        vllm.open([arm])
    assert "start the server" in caught.value.next


@pytest.mark.parametrize("fault", [500, 400, b'{"choices": [{"index": 0', b"<html>" * 99])
def test_a_broken_answer_is_an_error_of_its_case(unchecked, server, fault):
    """Never an empty reply; an answer that is cut off or no JSON included."""
    server.faults["/v1/completions"] = fault
    (failed,) = vllm.open([unchecked]).answer(unchecked, [Request(kind="complete", text="a", max_tokens=2)])
    assert isinstance(failed, EndpointError)


@pytest.mark.parametrize("field", ["token_ids", "prompt_token_ids", "logprobs", "index"])
@pytest.mark.parametrize("kind", ["complete", "loglikelihood"])
def test_an_answer_without_a_part_is_an_error(unchecked, server, field, kind):
    """An older server that ignores a field of the call gives an error that says so, not a wrong number."""
    whole = server._choice
    server._choice = lambda *given: {name: part for name, part in whole(*given).items() if name != field}
    (answer,) = vllm.open([unchecked]).answer(unchecked, [Request(kind=kind, text="a", options=(" b",), max_tokens=2)])
    assert isinstance(answer, EndpointError) or (field == "logprobs" and kind == "complete")


def test_adapters_go_by_their_content_and_leave_at_the_end(unchecked, server, adapter, folder, tmp_path, user):
    """Two adapters at once, each under a name of its digest, loaded once; the champion's stays."""
    other = make(folder, tmp_path / "other", **STRONG | {"seed": 2})
    tuned = replace(unchecked, name="tuned", adapter=str(adapter))
    champion = replace(unchecked, name="champion", adapter=str(other))
    backend = vllm.open([unchecked, tuned, champion])
    for arm in (tuned, champion, tuned):
        assert isinstance(backend.answer(arm, [Request(messages=user("a"), max_tokens=2)])[0], Reply)
    names = {arm.name: PREFIX + read_manifest(arm.adapter).id[:32] for arm in (tuned, champion)}
    assert server.adapters == {names["tuned"]: str(adapter), names["champion"]: str(other)}
    assert [body["model"] for body in server.bodies("/v1/completions")] == [
        names["tuned"],
        names["champion"],
        names["tuned"],
    ]
    backend.close()
    assert set(server.adapters) == {names["champion"]}
    again = vllm.open([champion])
    again.answer(replace(champion, name="tuned"), [Request(messages=user("a"), max_tokens=2)])
    again.close()
    assert set(server.adapters) == {names["champion"]} and len(server.bodies("/v1/load_lora_adapter")) == 2


def test_a_name_is_never_taken_twice(unchecked, server, adapter, folder, tmp_path):
    """The same bytes from another folder are accepted, other bytes under the name are refused."""
    arm = replace(unchecked, name="tuned", adapter=str(adapter))
    name = PREFIX + read_manifest(adapter).id[:32]
    asked = [Request(kind="complete", text="a", max_tokens=2)]
    server.adapters[name] = str(shutil.copytree(adapter, tmp_path / "copy"))
    assert isinstance(vllm.open([arm]).answer(arm, asked)[0], Reply)
    server.adapters[name] = str(make(folder, tmp_path / "other", **STRONG | {"seed": 3}))
    with pytest.raises(InvalidError, match="another adapter under the name"):
        vllm.open([arm]).answer(arm, asked)


def test_the_digest_is_of_content_options_and_server(base, tuned, server, tmp_path):
    """Weights, adapter, number format and the server's version change it; names and folders of the arm do not."""
    first = vllm.digest(base)
    copy = shutil.copytree(base.model, tmp_path / "copy")
    assert vllm.digest(replace(base, name="x", model=str(copy))) == first
    assert (
        len({first, vllm.digest(tuned), vllm.digest(replace(base, options={**base.options, "dtype": "bfloat16"}))}) == 3
    )
    server.version = "0.33.0"
    assert vllm.digest(base) != first


def test_the_command_gets_what_the_arms_need(base, tuned, adapter):
    """The model behind the word `serve`, LoRA only where there are adapters, nothing twice."""
    words = started(("vllm", "serve", "--max_lora_rank=64"), base.model, [base, tuned], 8123, 16)
    assert words[:3] == ["vllm", "serve", base.model] and words[-2:] == ["--max-cpu-loras", "1"]
    assert "--enable-lora" in words and "--max-lora-rank" not in words
    assert words[words.index("--max-num-seqs") + 1] == "16" and words[words.index("--dtype") + 1] == "float32"
    plain = started(("python", "-m", "server"), base.model, [base], 8123, 0)
    assert plain[3:5] == ["--model", base.model] and "--enable-lora" not in plain
    assert allowed_rank([str(adapter)]) == 8


def test_wrong_options_are_named(base):
    with pytest.raises(UsageError, match="engine"):
        vllm.open([replace(base, options={"engine": {}})])
    with pytest.raises(UsageError, match="neither a server nor a command"):
        vllm.open([replace(base, options={"command": []})])


def test_an_endpoint_loads_a_local_adapter_too(server, adapter, user):
    """`openai_compatible` asks for it by its name, and its digest is of content; a server that cannot load it is refused."""
    options = {"url": server.url, "retries": 0}
    arm = Arm(name="tuned", backend="openai_compatible", model=server.name, adapter=str(adapter), options=options)
    name = PREFIX + read_manifest(adapter).id[:32]
    backend = openai_compatible.open([arm])
    backend.answer(arm, [Request(messages=user("a"))])
    assert server.bodies("/v1/chat/completions")[0]["model"] == name and name in server.adapters
    assert openai_compatible.digest(arm) != openai_compatible.digest(replace(arm, model="another"))
    backend.close()
    assert not server.adapters
    server.faults["/v1/load_lora_adapter"] = 404
    with pytest.raises(UsageError, match="cannot load the adapter"):
        openai_compatible.open([arm]).answer(arm, [Request(messages=user("a"))])


def test_an_adapter_that_was_changed_is_refused(tuned, adapter, tmp_path):
    folder = shutil.copytree(adapter, tmp_path / "changed")
    config = json.loads((folder / "adapter_config.json").read_bytes())
    codec.write_atomic(folder / "adapter_config.json", json.dumps(config | {"r": 9}).encode())
    with pytest.raises(InvalidError, match="changed"):
        vllm.open([replace(tuned, adapter=str(folder))])


def test_an_adapter_of_a_quantized_base_is_refused(tuned, adapter, tmp_path):
    """A server would put it on the weights in full, which are not those that it was trained on."""
    folder = shutil.copytree(adapter, tmp_path / "quantized")
    manifest = replace(read_manifest(folder), quantization={"load_in_4bit": True})
    codec.write_atomic(folder / MANIFEST, codec.encode(replace(manifest, id=content_id(manifest))))
    with pytest.raises(UsageError, match="quantized base"):
        vllm.digest(replace(tuned, adapter=str(folder)))
