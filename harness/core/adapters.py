"""Read and write an adapter folder's manifest, and check that it belongs to a base model.

An adapter is a difference to one set of weights, learnt through one tokenizer and one chat template. Put on any other it
loads without a word and answers worse. So its manifest binds it to the digests of all three, and whoever loads one,
to evaluate, to promote or to serve, calls `verify` first.
"""

from pathlib import Path

from harness.core.codec import canonical, digest, file_digest, read
from harness.core.digests import model_digests
from harness.errors import InputError, InvalidError
from harness.types import Adapter, Arm, Noun

MANIFEST = "adapter.json"
REWARD = "reward"
"""`Adapter.form` of a reward model: it judges answers and gives none."""
HOSTED, HOSTED_FILE = "hosted", "hosted.json"
"""`Adapter.form` of a model that a provider keeps, and the file that names it."""


class Hosted(Noun, frozen=True):
    """A tuned model that a provider keeps: what there is in place of weights."""

    url: str
    base: str
    """Names as the provider has them."""
    model: str
    job: str
    trained_tokens: int | None = None
    checkpoints: tuple[str, ...] = ()
    """Names of models after earlier epochs, where the provider keeps them."""
    ends: str = ""
    """Day on which the provider shuts the model or its base down, where it says so."""


def content_id(adapter: Adapter) -> str:
    """The id of an adapter: sha256 over its weight files and all that it is bound to. Times and curves are not in it."""
    return digest(
        [
            [adapter.method, adapter.form, adapter.base, adapter.tokenizer, adapter.template, adapter.dataset],
            [adapter.recipe, adapter.prompt, adapter.code, adapter.files],
            *([adapter.quantization] if adapter.quantization else []),
            *([["template_options", adapter.template_options]] if adapter.template_options else []),
        ]
    )


def read_manifest(folder: str | Path) -> Adapter:
    """The manifest of an adapter folder. Raises InputError when the folder is not one."""
    path = Path(folder) / MANIFEST
    if not path.exists():
        raise InputError("the folder contains no adapter", where=str(path.parent), next="trueup tune")
    return read(path, Adapter)


def intact(folder: str | Path) -> Adapter:
    """The manifest, once the folder's files are what was written. Raises InvalidError, or InputError on no adapter."""
    adapter = read_manifest(folder)
    if content_id(adapter) != adapter.id:
        raise InvalidError("the adapter's manifest was changed", where=str(Path(folder) / MANIFEST), next="trueup tune")
    for name, expected in adapter.files.items():
        path = Path(folder) / name
        if not path.exists() or file_digest(path) != expected:
            state = "changed" if path.exists() else "missing"
            raise InvalidError(f"a file of the adapter is {state}", where=str(path), next="trueup tune")
    return adapter


def hosted(folder: str | Path, url: str) -> Hosted:
    """The tuned model that a provider keeps for this adapter.

    Raises InvalidError when the adapter is not one of a provider, or of another one than the endpoint at `url`.
    """
    if intact(folder).form != HOSTED:
        raise InvalidError(
            "the adapter's weights are here, so an endpoint does not have them",
            where=str(folder),
            next='set the arm\'s backend to "hf"',
        )
    tuned = read(Path(folder) / HOSTED_FILE, Hosted)
    if tuned.url.rstrip("/") != url.rstrip("/"):
        raise InvalidError(
            f"the model was tuned at {tuned.url}, not at this endpoint", where=url, next=f'set url = "{tuned.url}"'
        )
    return tuned


def check_template(adapter: Adapter, arm: Arm) -> None:
    """Raises InvalidError when an arm would render its requests under other template options than training did."""
    if adapter.template_options != arm.template_options:
        raise InvalidError(
            f"the adapter was trained under template_options {canonical(adapter.template_options)}, "
            f"and the arm has {canonical(arm.template_options)}",
            where=f"arm {arm.name}",
            next="give [model] or the arm the template_options of the training, or tune again",
        )


def verify(folder: str | Path, base: str | Path, form: str = "") -> Adapter:
    """The manifest, once the folder's files are what was written and `base` is the model it was trained on.

    `form` is `reward` for a caller that wants a reward model; anybody else is refused one.

    Raises InvalidError when a file is missing or changed, or when the base weights, the tokenizer or the chat template are
    not those of training; InputError when either folder is not what it should be.
    """
    adapter = intact(folder)
    if adapter.form == HOSTED:
        raise InvalidError(
            "the adapter's weights are a provider's, so no local model can take it",
            where=str(folder),
            next='set the arm\'s backend to "openai_compatible"',
        )
    if (adapter.form == REWARD) != (form == REWARD):
        what = "a reward model" if adapter.form == REWARD else "no reward model"
        raise InvalidError(
            f"the adapter is {what}", where=str(folder), next="score.reward(...) asks reward models, arms answer"
        )
    digests = model_digests(base)
    bound = {"base weights": adapter.base, "tokenizer": adapter.tokenizer, "chat template": adapter.template}
    for (what, expected), actual in zip(
        bound.items(), (digests.weights, digests.tokenizer, digests.template), strict=True
    ):
        if expected != actual:
            raise InvalidError(
                f"the adapter was trained on another model: the {what} differ ({expected[:12]}, here {actual[:12]})",
                where=f"{folder} on {base}",
                next="set [model] base to the model it was trained on, or tune again",
            )
    return adapter
