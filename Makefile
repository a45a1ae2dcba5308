# One command installs and compiles the example, one installs and runs the tests. Both need Python 3.11 or later and git.

VENV ?= .venv
PYTHON ?= python3
BIN = $(VENV)/bin

.PHONY: example test test-fast test-engine lint bench clean

example: $(VENV)/.installed
	$(BIN)/headrace compile examples/churn --target all --output build/churn --quiet
	$(BIN)/headrace graph examples/churn

test: $(VENV)/.installed-dev lint test-fast test-engine

test-fast: $(VENV)/.installed-dev
	$(BIN)/pytest -q -n auto -m "not engine"

test-engine: $(VENV)/.installed-dev
	$(BIN)/pytest -q -n auto --dist loadgroup -m engine

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

bench: $(VENV)/.installed-dev
	bench/setup
	$(BIN)/python -m bench.run

$(VENV)/.installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --editable .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
