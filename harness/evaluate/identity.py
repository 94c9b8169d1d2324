"""Name what answers by its content: an adapter's digest, or a digest of model, prompt and options.

Neither the name of the arm nor that of its prompt is part of it, nor where the model lies, nor the versions of libraries. So an
arm that was promoted is recognised the next night, and an arm that was renamed is no new candidate. An adapter that is asked
under another prompt or with other options than it was trained for is not that adapter: the prompt may be the change.
"""

from pathlib import Path

from harness.core import adapters
from harness.core import options as option_tables
from harness.core.codec import digest, file_digest
from harness.core.digests import model_digests
from harness.core.plugins import load
from harness.types import Arm, Json, Prompt


def content(arm: Arm) -> str:
    """Content id of what answers and how. Raises TrueupError where the model, or the adapter, cannot be read."""
    adapter = adapters.read_manifest(arm.adapter) if arm.adapter else None
    if adapter and _words(adapter.prompt) == _words(arm.prompt) and not arm.options:
        return adapter.id
    tuned = adapter.id if adapter else ""
    return digest([arm.backend, _model(arm), tuned, _words(arm.prompt), _options(arm), arm.template_options])


def _model(arm: Arm) -> Json:
    """By its files where it lies on the disk, else by what its backend knows of it."""
    if (Path(arm.model) / "config.json").is_file():
        return model_digests(arm.model)
    return load("backends", arm.backend).digest(arm)


def _options(arm: Arm) -> Json:
    """Those that were set; of a file its content, not its place."""
    table = option_tables.of_plugin("backends", arm.backend, arm.options, f"arm {arm.name}")
    files = {name: file_digest(Path(path)) for name, path in table.files.items() if Path(path).is_file()}
    return [{name: value for name, value in arm.options.items() if name in table.knobs}, files]


def _words(prompt: Prompt) -> Json:
    return [prompt.messages, prompt.nearest]
