# Everything runs in an environment of this clone's own; the second call finds it ready.
#   make test PYTHON=python3.13 VENV=.venv-3.13

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

OLD = Python 3.11 or newer is needed: make PYTHON=python3.11 ...
INSTALL = $(PYTHON) -c 'import sys; sys.exit("$(OLD)" if sys.version_info < (3, 11) else 0)' && \
	$(PYTHON) -m venv $(VENV) && \
	$(BIN)/python -m pip install --quiet --no-compile --disable-pip-version-check --editable

N ?= 20

# Hundreds of processes would compile the package and the tests again, each for itself.
unexport PYTHONDONTWRITEBYTECODE

.NOTPARALLEL:
.PHONY: help demo test again check lint types layers pages docs docs-serve format \
	changelog clean

help:
	@echo "make demo    run 300 simulated jobs, and save their results to akool-demo/"
	@echo "make test    run the tests"
	@echo "make again   run one test N=20 times on a busy machine: TEST=tests/x.py::test"
	@echo "make check   run the tests; check style, types, import layers and the site"
	@echo "make pages   write anew the pages and files that are made from the code"
	@echo "make docs    build the documentation site, strictly, in build/docs/site"
	@echo "make docs-serve  build it, and serve it on this machine"
	@echo "make format  format the code"
	@echo "make changelog VERSION=0.2.0  cut a release in CHANGELOG.md, and set the version"
	@echo "make clean   remove what the others left"

demo: $(VENV)/.cli
	$(BIN)/akool demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest

# Two processes keep the cores busy meanwhile. Hypothesis draws other examples each time, and prints
# a failing one as a blob that repeats it.
again: $(VENV)/.dev
	@$(BIN)/python -c 'while True: pass' & one=$$!; $(BIN)/python -c 'while True: pass' & two=$$!; \
	trap "kill $$one $$two" EXIT; \
	$(BIN)/python -m pytest --count=$(N) --hypothesis-profile=again "$(TEST)"

check: lint types layers docs test

lint: $(VENV)/.dev
	$(BIN)/ruff format --check
	$(BIN)/ruff check

types: $(VENV)/.dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

layers: $(VENV)/.dev
	$(BIN)/lint-imports

pages: $(VENV)/.dev
	$(BIN)/python -m akool_async.endpoints
	for each in reference settings states coverage examples; do \
		$(BIN)/python docs/build_$$each.py || exit; \
	done

docs: $(VENV)/.dev
	$(BIN)/python docs/build_site.py

docs-serve: $(VENV)/.dev
	$(BIN)/python docs/build_site.py --serve

format: $(VENV)/.dev
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

changelog: $(VENV)/.dev
	$(BIN)/python .ci/cut_changelog.py $(VERSION)

clean:
	rm -rf $(VENV) .ci/venv .ci/npm akool-demo dist build
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage

# Empty files that say which extras are installed; `dev` holds `cli`.
$(VENV)/.cli: pyproject.toml
	@echo "Preparing $(VENV) ..."
	@$(INSTALL) '.[cli]'
	@touch $@

$(VENV)/.dev: pyproject.toml
	@echo "Preparing $(VENV) with all that the tests need; this takes a minute ..."
	@$(INSTALL) '.[dev]'
	@touch $(VENV)/.cli $@
