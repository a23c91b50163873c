# Everything stays in this folder: .venv (the programs), .cache (what was downloaded), var (the data of `make run`).

PYTHON ?= python3
DATA ?= var
SEEDS ?= 200
SUITE ?=
TESTS ?=

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help setup demo run test check check-format check-lint check-types check-imports simulate bench reference clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready  ## make .venv with everything that is needed; the command is then .venv/bin/caesura

demo: .venv/ready  ## send a campaign to a local mail sink, pause it, resume it, and audit every message (a minute)
	@$(BIN)/caesura demo

run: .venv/ready  ## the server for real use, at http://127.0.0.1:8080, with its data in var/ (DATA=... for elsewhere)
	@$(BIN)/caesura serve --data-dir $(DATA) || { status=$$?; \
		[ "$$(id -u)" != 0 ] || echo "To put the data elsewhere: make run DATA=/var/lib/caesura"; exit $$status; }

test: .venv/ready .cache/postfix/ready  ## all tests, on two cores (TESTS=tests/domain for some)
	@PATH="$(CURDIR)/.cache/postfix:$$PATH" $(BIN)/pytest -n 2 $(TESTS)

check: .venv/ready  ## format, lint, types and import contracts
	@$(MAKE) --no-print-directory --jobs=2 --keep-going --output-sync=target check-types check-lint check-format check-imports

check-format:
	@$(BIN)/ruff format --check --quiet . || { echo "Not formatted (mend with: .venv/bin/ruff format .):"; $(BIN)/ruff format --check .; }

check-lint:
	@$(BIN)/ruff check --quiet .

check-types:
	@$(BIN)/mypy

check-imports:
	@$(BIN)/lint-imports --no-logo

simulate: .venv/ready  ## worlds of faults, each drawn from a seed (SEEDS=2000)
	@$(BIN)/python scripts/simulate.py --seeds $(SEEDS)

bench: .venv/ready .cache/postfix/ready  ## measure beside others, under 15 minutes on 2 cores (SUITE=send for one)
	@$(BIN)/python -m compileall -q src
	@PATH="$(CURDIR)/.cache/postfix:$$PATH" $(BIN)/python -m bench $(SUITE)

reference: .venv/ready  ## write docs/reference anew out of the code
	@$(BIN)/python scripts/generate_reference.py

clean:  ## remove .venv and all caches; data in var/ stays
	rm -rf .venv .cache .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests bench scripts examples -name __pycache__ -prune -exec rm -rf {} +

.venv/ready: pyproject.toml uv.lock scripts/bootstrap
	@PYTHON=$(PYTHON) scripts/bootstrap
	@touch $@

.cache/postfix/ready: scripts/fetch-postfix
	@scripts/fetch-postfix
	@test -e .cache/postfix/why-not || touch $@
