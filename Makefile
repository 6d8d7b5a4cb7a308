# Each target makes its own environment in .venv when it is missing or when the metadata changed.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready

.PHONY: demo test lint bench docs clean-demo

demo: $(READY)          ## the whole way, from a generated release to an exported model, in demo/
	$(BIN)/python scripts/demo.py demo

test: $(READY)          ## the tests
	$(BIN)/python -m pytest -n 2 --dist worksteal

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
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[demo,ctc,dev]'
	touch $@
