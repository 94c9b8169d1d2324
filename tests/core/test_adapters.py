import pytest
from msgspec.structs import replace

from harness.core.adapters import MANIFEST, check_template, content_id, read_manifest, verify
from harness.core.codec import digest, encode, write_atomic
from harness.core.digests import model_digests
from harness.errors import InputError, InvalidError
from harness.types import Adapter, Arm, Prompt, Recipe


@pytest.fixture
def base(tmp_path):
    """A folder that looks like a model; nothing here loads it."""
    for name, text in {"model.safetensors": "weights", "config.json": "{}", "tokenizer.json": "{}"}.items():
        write_atomic(tmp_path / "base" / name, text.encode())
    write_atomic(tmp_path / "base" / "chat_template.jinja", b"{{ messages }}")
    return tmp_path / "base"


@pytest.fixture
def folder(tmp_path, base):
    found = model_digests(base)
    draft = Adapter(
        id="",
        method="sft",
        base=found.weights,
        tokenizer=found.tokenizer,
        template=found.template,
        dataset="d",
        recipe=Recipe(),
        prompt=Prompt(name="short"),
        files={"adapter_model.safetensors": digest(b"tensors")},
    )
    write_atomic(tmp_path / "adapter" / "adapter_model.safetensors", b"tensors")
    write_atomic(tmp_path / "adapter" / MANIFEST, encode(replace(draft, id=content_id(draft))))
    return tmp_path / "adapter"


def test_an_adapter_fits_the_base_it_was_trained_on(folder, base):
    """Untouched files on the same base pass, and the manifest comes back."""
    assert verify(folder, base) == read_manifest(folder)


@pytest.mark.parametrize(
    ("file", "what"),
    [
        ("model.safetensors", "base weights"),
        ("config.json", "base weights"),
        ("tokenizer.json", "tokenizer"),
        ("chat_template.jinja", "chat template"),
    ],
)
def test_another_model_is_refused(folder, base, file, what):
    """One changed byte in weights, config, tokenizer or template of the base, and the message says which."""
    (base / file).write_text('{"other": 1}', encoding="utf-8")
    with pytest.raises(InvalidError, match=what):
        verify(folder, base)


def test_changed_weights_are_refused(folder, base):
    """An adapter whose weights are not those of its manifest is not loaded."""
    (folder / "adapter_model.safetensors").write_bytes(b"tensorz")
    with pytest.raises(InvalidError, match="changed"):
        verify(folder, base)


def test_missing_weights_are_refused(folder, base):
    """A file of the manifest that is gone is named."""
    (folder / "adapter_model.safetensors").unlink()
    with pytest.raises(InvalidError, match="missing"):
        verify(folder, base)


def test_a_changed_manifest_is_refused(folder, base):
    """Who edits the manifest to make it fit changes its id, and is found out."""
    edited = replace(read_manifest(folder), dataset="another")
    write_atomic(folder / MANIFEST, encode(edited))
    with pytest.raises(InvalidError, match="manifest was changed"):
        verify(folder, base)


def test_times_and_curves_are_not_part_of_the_id(folder):
    """The same training on a slower machine is the same adapter."""
    adapter = read_manifest(folder)
    assert content_id(replace(adapter, seconds=99.0, peak_bytes=1, checks={"x": 1})) == adapter.id


def test_a_folder_without_an_adapter_is_named(tmp_path, base):
    """A folder that holds no manifest is bad input, not a crash."""
    with pytest.raises(InputError, match="no adapter"):
        verify(tmp_path, base)


def test_an_adapter_is_served_under_the_template_options_of_its_training(folder, base):
    """Other options are another prompt, which it never saw; they are a part of what it is."""
    manifest = read_manifest(folder)
    quiet = replace(manifest, template_options={"enable_thinking": False})
    assert content_id(quiet) != content_id(manifest)
    check_template(quiet, Arm(name="tuned", template_options={"enable_thinking": False}))
    check_template(manifest, Arm(name="tuned"))
    for adapter, options in ((quiet, {}), (manifest, {"enable_thinking": False}), (quiet, {"enable_thinking": True})):
        with pytest.raises(InvalidError, match="template_options"):
            check_template(adapter, Arm(name="tuned", template_options=options))
