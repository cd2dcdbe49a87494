# The commands of a checkout. `make demo` and `make test` need nothing but Python 3.11 or newer.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test lint types layers bench mutants clean lock

help:  ## show this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(VENV)/.run: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(VENV)/.run  ## three simulated tools, judged and written back, in a minute
	$(BIN)/duban demo --dir .demo
	@echo "(duban is $(BIN)/duban here)"

test: $(VENV)/.dev  ## all tests
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: $(VENV)/.dev  ## ruff
	$(BIN)/ruff check duban tests benchmarks

types: $(VENV)/.dev  ## mypy, strict
	$(BIN)/mypy

layers: $(VENV)/.dev  ## who may import whom
	$(BIN)/lint-imports

bench: $(VENV)/.dev  ## ratios to the least possible: limits, start-up, scale, working time
	$(BIN)/python -m benchmarks

mutants: $(VENV)/.dev  ## change every rule of the guide a little; its own tests must see at least 90 %
	$(BIN)/python -m tests.rules.mutation

lock: $(VENV)/.dev  ## write the locked versions anew
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile --quiet --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --extra dev pyproject.toml -o requirements-dev.lock

clean:  ## forget the virtual environment and all caches
	rm -rf $(VENV) .demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
