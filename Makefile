# What a newcomer needs: `make demo` and `make test`. `make help` lists the rest.
#
# Everything happens in a virtual environment of the project's own, .venv. A stamp file in it remembers
# what was installed and is written last, so an interrupted run is simply taken up again by the next one.

PYTHON ?= python3
PYTEST_ARGS ?=
# How many tests run at a time; 0 runs them one after the other, in one process.
TEST_PROCESSES ?= auto
# COVERAGE=1 makes `test` measure branch coverage, subprocesses included.
COVERAGE ?=

VENV := .venv
VENV_PYTHON := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
INSTALLED_DEV := $(VENV)/.installed-dev
PIP_INSTALL := $(VENV_PYTHON) -m pip install --quiet --disable-pip-version-check

# How often `crash` has something happen to a server, and where its queue is: sqlite, postgresql, mysql or redis.
N ?= 100
STORE ?= sqlite
CRASH_ARGS ?=
BENCH_ARGS ?=

SOURCES := src tests examples benchmarks
CORE_PACKAGES := protocol engine roles
CORE_COVERAGE := 95

RUN_PYTEST := $(VENV_PYTHON) $(if $(COVERAGE),-m coverage run) -m pytest

.DEFAULT_GOAL := help
.PHONY: help demo test crash bench-queue lint format coverage coverage-report clean

help: ## List what can be done here
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(INSTALLED) ## Show servers, workers, clients and tools at work
	@$(VENV_PYTHON) examples/demo.py
	@$(VENV_PYTHON) -m geartrain.cli.geartrain demo

test: $(INSTALLED_DEV) ## Run all tests (PYTEST_ARGS='-k name' for some of them)
	@$(if $(COVERAGE),$(VENV_PYTHON) -m coverage erase)
	$(RUN_PYTEST) --numprocesses=$(TEST_PROCESSES) $(PYTEST_ARGS)

crash: $(INSTALLED_DEV) ## Kill servers and stores in the midst of work, and see that nothing is lost (N=1000 STORE=sqlite)
	$(VENV_PYTHON) -m tests.faults.campaign --store $(STORE) --cycles $(N) $(CRASH_ARGS)

bench-queue: $(INSTALLED_DEV) ## Compare our durable queue with that of the C server, and write docs/benchmarks.md
	$(VENV_PYTHON) -m benchmarks.bench_queue $(BENCH_ARGS)

lint: $(INSTALLED_DEV) ## Check style, types and the direction of imports
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV_PYTHON) -m mypy
	$(VENV)/bin/lint-imports

format: $(INSTALLED_DEV) ## Bring the code into its uniform layout
	$(VENV)/bin/ruff check --fix
	$(VENV)/bin/ruff format

coverage: ## Run all tests, and fail where the core is covered too little
	@$(MAKE) test COVERAGE=1
	@$(MAKE) coverage-report

coverage-report: $(INSTALLED_DEV)
	$(VENV_PYTHON) -m coverage combine --quiet
	$(VENV_PYTHON) -m coverage report --skip-covered
	@for package in $(CORE_PACKAGES); do \
	    $(VENV_PYTHON) -m coverage report --include="src/geartrain/$$package/*" --format=total \
	        --fail-under=$(CORE_COVERAGE) >/dev/null \
	    || { echo "geartrain.$$package is covered to less than $(CORE_COVERAGE) %" >&2; exit 1; }; \
	done

clean: ## Remove everything that make has made, the virtual environment too
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* src/*.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find $(SOURCES) -name __pycache__ -type d -prune -exec rm -rf {} +

# The project itself is installed editable: its code may change without a new installation.
$(INSTALLED): pyproject.toml
	@$(MAKE_VENV)
	@echo "Installing into $(VENV) ..."
	@$(PIP_INSTALL) --editable .
	@touch $@

$(INSTALLED_DEV): pyproject.toml
	@$(MAKE_VENV)
	@echo "Installing what the tests need into $(VENV) ..."
	@$(PIP_INSTALL) --editable '.[dev]'
	@touch $(INSTALLED) $@

# Makes the virtual environment, unless one is there whose Python runs and is recent enough; one that is there
# without pip gets it.
define MAKE_VENV
set -e; \
fail() { echo "geartrain: $$1" >&2; exit 1; }; \
recent='import sys; sys.exit(sys.version_info < (3, 11))'; \
if $(VENV_PYTHON) -c "$$recent" 2>/dev/null; then \
    $(VENV_PYTHON) -c 'import pip' 2>/dev/null || $(VENV_PYTHON) -m ensurepip >/dev/null; \
    exit 0; \
fi; \
command -v "$(PYTHON)" >/dev/null || fail "$(PYTHON) is not installed; name a Python: make PYTHON=..."; \
$(PYTHON) -c "$$recent" || fail "$$($(PYTHON) -V) is too old, 3.11 is needed: make PYTHON=python3.11"; \
$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
    || fail "$(PYTHON) has no venv module; on Debian and Ubuntu: apt install python3-venv"; \
$(PYTHON) -m venv --clear $(VENV)
endef
