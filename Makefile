# All targets work in .venv of this checkout, which the first of them makes. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# One thread for each process: the tests run side by side, and figures should not depend on the machine's cores.
export OMP_NUM_THREADS := 1
# They start many interpreters, which would compile the sources again each time.
unexport PYTHONDONTWRITEBYTECODE
# Each worker begins with half of the files, and takes from the other when it is done: fixtures are rarely made twice.
PYTEST := $(BIN)/python -m pytest -n 2 --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all lint types unit format docs clean distclean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F '\t' '{printf "  %-10s %s\n", $$1, $$2}'

venv: $(STAMP) ## make .venv with everything that tests and benchmarks need

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; name a newer one: make PYTHON=python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test,bench,compiler]'
	@touch $@

demo: $(STAMP) ## a real image through vgg_digits on the emulated ZCU102; pictures and traces in out/demo
	$(BIN)/python examples/demo.py

test: lint ## all checks but the slow tests
	@$(MAKE) --no-print-directory -j 2 types unit  # mypy takes one core only

test-all: lint types $(STAMP) ## all checks and all tests
	$(PYTEST)

lint: $(STAMP) ## ruff: rules and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP) ## mypy, strict
	$(BIN)/mypy

unit: $(STAMP) ## the tests that are not slow
	$(PYTEST) -m "not slow"

format: $(STAMP) ## bring the sources into the form that lint wants
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

docs: $(STAMP) ## write the generated pages of docs/, and the outputs that README.md and the others show
	$(BIN)/python -m cedr.tools.docs

clean: ## remove what builds and tests leave; keep .venv
	rm -rf build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -not -path './$(VENV)/*' -prune -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf $(VENV)
