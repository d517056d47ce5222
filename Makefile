# The README's commands. Everything is set up in .venv from the pinned set in constraints.txt.
.DEFAULT_GOAL := help
VENV := .venv
BIN := $(VENV)/bin
# The first interpreter that runs and is new enough; override with make PYTHON=...
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done)
PRESET ?= quick
INSTALL = $(BIN)/python -m pip install --disable-pip-version-check -q -c constraints.txt

.PHONY: help reproduce test mutants check docs bench wheel clean

help:
	@echo "make reproduce   run the experiments, print the verdicts, draw the figures (PRESET=paper for the long ones)"
	@echo "make test        run the tests with branch coverage"
	@echo "make mutants     break the numerical core on purpose: each time a test must fail"
	@echo "make check       lint, formatting, types"
	@echo "make docs        build the documentation into docs/_build/html"
	@echo "make bench       measure speed against the peers"
	@echo "make wheel       build the wheel into dist/"
	@echo "make clean       remove what the other commands made, results excepted"

$(BIN)/python:
	@if [ -z "$(PYTHON)" ]; then echo "no Python 3.11 or newer found; install one or give make PYTHON=path" >&2; exit 2; fi
	@echo "setting up $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(BIN)/python setup.cfg pyproject.toml constraints.txt
	@echo "installing langevin_lab and what it needs"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/installed-%: $(VENV)/installed
	@echo "installing what 'make $*' needs"
	@$(INSTALL) -e ".[$*]"
	@touch $@

reproduce: $(VENV)/installed-data,torch
	@$(BIN)/langevin-lab reproduce --preset $(PRESET)

test: $(VENV)/installed-test
	@$(BIN)/python -m pytest -q -n 2 --dist worksteal --cov --cov-report=term:skip-covered

mutants: $(VENV)/installed-test
	@$(BIN)/python tests/mutants/run.py

check: $(VENV)/installed-test
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

docs: $(VENV)/installed-docs
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs docs/_build/html
	@echo "documentation: docs/_build/html/index.html"

bench: $(VENV)/installed
	@$(BIN)/python benchmarks/run.py
	@$(BIN)/python benchmarks/networks.py
	@$(BIN)/langevin-lab bench

wheel: $(VENV)/installed-test
	@rm -rf build dist
	@$(BIN)/python -m build --wheel >/dev/null
	@ls dist

clean:
	@rm -rf $(VENV) build dist *.egg-info docs/_build benchmarks/build .coverage .coverage.* \
		.pytest_cache .mypy_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
