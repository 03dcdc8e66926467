# Every target prepares what it needs: after a clone, `make demo` and `make test` work as they are.
# Presupposed: Python >= 3.11, Java >= 17 and Maven (or containers: make compose-secrets, then docker compose up).

PYTHON ?= python3
VENV   := .venv
READY  := $(VENV)/.ready
# One more than there are cores, since tests also wait. Each starts a Kafka and a PostgreSQL of its own: with more than four
# it is memory that runs short.
TEST_PROCESSES := --numprocesses=$(shell expr $$(getconf _NPROCESSORS_ONLN) + 1) --maxprocesses=4
# The version of uv that wrote the lock file; uv itself is locked with the development tools.
UV_VERSION := $(shell sed -n '/^name = "uv"$$/{n;s/version = "\(.*\)"/\1/p;}' uv.lock)

# Some images switch compiled modules off: then every process that starts here compiles all its libraries anew.
export PYTHONDONTWRITEBYTECODE :=

FACTS := 10000000

.DEFAULT_GOAL := help
.PHONY: help setup demo test campaign mutation nation bench schemas compose-secrets lint format clean

help:  ## show this list
	@sed -n 's/^\([a-z-]*\):.*##  *\(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 24

setup: $(READY)  ## prepare .venv with everything in it (again only when pyproject.toml or uv.lock change)
	@:

$(READY): pyproject.toml uv.lock scripts/check_prerequisites.sh
	@PYTHON='$(PYTHON)' sh scripts/check_prerequisites.sh
	@echo 'Preparing $(VENV) …'
	@test -x $(VENV)/bin/pip || '$(PYTHON)' -m venv $(VENV)
	@$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check 'uv==$(UV_VERSION)'
	@UV_PROJECT_ENVIRONMENT='$(CURDIR)/$(VENV)' $(VENV)/bin/uv sync --frozen --quiet
	@touch $@

demo: setup  ## the whole system on this machine, with a simulated country; Ctrl-C ends it
	@exec $(VENV)/bin/dreams demo

test: setup  ## all tests on a real Kafka and a real PostgreSQL, with branch coverage
	@$(VENV)/bin/coverage erase
	PATH="$(CURDIR)/$(VENV)/bin:$$PATH" $(VENV)/bin/coverage run -m pytest $(TEST_PROCESSES) --dist=loadfile --no-loadscope-reorder
	@$(VENV)/bin/coverage combine --quiet
	@$(VENV)/bin/coverage report

campaign: setup  ## the generated tests at full counts, for hours if need be
	$(VENV)/bin/python -m pytest -m 'campaign or hypothesis' --hypothesis-profile=campaign --timeout=0

mutation: setup  ## change the rules of subsidy in thousands of ways: its pure tests must notice; `mutmut results` lists the rest
	@UV_PROJECT_ENVIRONMENT='$(CURDIR)/$(VENV)' $(VENV)/bin/uv sync --frozen --quiet --group mutation
	nice -n 19 $(VENV)/bin/mutmut run

nation: setup  ## reporting over ten million facts: half an hour and 35 GB; FACTS=1000000 for less
	@exec $(VENV)/bin/python -m benchmarks.nation --facts $(FACTS)

bench: setup  ## floor, ceiling, every service alone, the chain
	@exec $(VENV)/bin/dreams bench

schemas: setup  ## write docs/contracts and docs/publishing.md; refuses what would break a reader
	@$(VENV)/bin/python -m scripts.contract_documents

compose-secrets:  ## passwords, keys and tokens for docker compose, in deploy/secrets; needs only Docker
	@mkdir -p deploy/secrets
	@docker build --quiet --target tools --tag dreams/tools . >/dev/null
	@docker run --rm --network none --user "$$(id -u):$$(id -g)" --volume '$(CURDIR)/deploy/secrets:/secrets' \
		dreams/tools console.deployment compose-secrets /secrets

lint: setup  ## every gate that CI runs besides the tests
	@$(VENV)/bin/python scripts/gates.py

format: setup  ## let ruff put code into shape
	@$(VENV)/bin/ruff check --fix-only --quiet . ; $(VENV)/bin/ruff format --quiet .

clean:  ## remove the virtual environment and everything that was generated
	rm -rf $(VENV) .coverage .coverage.* htmlcov dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
