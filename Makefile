# Onfile. `make help` lists what can be done.
.DEFAULT_GOAL := help
.SHELLFLAGS := -eu -c
# Where it is set, each of the hundreds of processes that tests start would compile all of lib anew.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8501
BIN := .venv/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes
READY := .venv/.requirements
DEV_READY := .venv/.requirements-dev
WORKERS ?= 2
# Each worker begins with tests that lie side by side: what a file's tests share is made in one of them.
PARALLEL := -n $(WORKERS) --dist worksteal
SEEDS ?= 1000
KILL_SECONDS ?= 180
# Anything: make test also measures what the tests cover.
COVERAGE ?=
BENCH_FOLDER ?= data/bench
# For every system and every Python that Onfile runs on.
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --custom-compile-command "make lock"

.PHONY: help run test test-fast test-browser lint types audit lock schema words hooks check soak mutants bench bench-hour bench-large screenshots \
  chromium clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "  PORT=8501 and HOST=127.0.0.1 can be given to make run."

run: $(READY) ## Start the dashboard (practice mode unless a Stripe key is set)
	@PORT=$(PORT) exec $(BIN)/python -m streamlit run app.py --server.port $(PORT) --server.address $(HOST)

test-fast: $(DEV_READY) ## Run the tests that need no server and no browser (a minute)
	ONFILE_ONE_EXAMPLE_IN=4 $(BIN)/python -m pytest $(PARALLEL) -m "not server and not browser"

test: $(DEV_READY) ## Run every test that needs no browser
	$(BIN)/python -m pytest $(PARALLEL) -m "not browser" $(if $(COVERAGE),--cov)

test-browser: $(DEV_READY) chromium ## Run the journeys of people, in a real browser
	$(BIN)/python -m pytest -n $(WORKERS) -m browser

lint: $(DEV_READY) ## Check style
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(DEV_READY) ## Check types
	$(BIN)/mypy

audit: $(DEV_READY) ## Ask whether anything installed has a known vulnerability
	@$(BIN)/python .ci/advisories.py requirements-dev.lock

lock: $(DEV_READY) ## Write the locks anew after a change of requirements.txt or requirements-dev.txt
	$(COMPILE) requirements.txt -o requirements.lock
	$(COMPILE) -c requirements.lock requirements-dev.txt -o requirements-dev.lock

schema: $(DEV_READY) ## Write docs/schema.md anew after a change of the tables
	$(BIN)/python -m lib.store.schema_page > docs/schema.md

words: $(DEV_READY) ## Bring new strings for customers into the catalogues of lib/*/locales, for translators
	$(BIN)/python -m tests.catalogue_files

hooks: $(DEV_READY) ## Check style and types before each commit
	$(BIN)/pre-commit install

check: lint types test test-browser ## Style, types and tests; .ci/run checks more

soak: $(DEV_READY) ## Kill executors for KILL_SECONDS=180 and simulate runs from SEEDS=1000 seeds
	ONFILE_KILL_SECONDS=$(KILL_SECONDS) $(BIN)/python -m pytest tests/services/runs/test_kills.py
	ONFILE_CRASH_STRIDE=1 $(BIN)/python -m pytest tests/services/runs/test_crash_points.py \
	  tests/services/runs/test_waiting_crash_points.py
	ONFILE_SIMULATION_RUNS=$(SEEDS) $(BIN)/python -m pytest -n $(WORKERS) -p no:hypothesispytest \
	  tests/services/runs/test_simulation.py

mutants: $(DEV_READY) ## Make mistakes that would charge twice, one at a time; tests must turn red (a minute)
	$(BIN)/python -m tests.mutation_runner

bench: $(DEV_READY) chromium ## Measure backfill, webhook intake, pages, files, runs, a rebuild and commands (eight minutes)
	@$(BIN)/python -m bench.backfill 10k 100k
	@$(BIN)/python -m bench.intake
	@$(BIN)/python -m bench.pages
	@$(BIN)/python -m bench.requests
	@$(BIN)/python -m bench.open_pages
	@$(BIN)/python -m bench.files
	@$(BIN)/python -m bench.runs
	@$(BIN)/python -m bench.rebuild
	@$(BIN)/python -m bench.starts

bench-hour: $(DEV_READY) ## Measure an hour of open pages, webhooks and runs
	@$(BIN)/python -m bench.busy_hour

bench-large: $(DEV_READY) ## Measure with up to a million sessions (an hour and 5 GB in BENCH_FOLDER)
	@$(BIN)/python -m bench.backfill curve
	@$(BIN)/python -m bench.backfill curve --noise-ids
	@$(BIN)/python -m bench.backfill curve --limited
	@$(BIN)/python -m bench.million --folder $(BENCH_FOLDER)
	@$(BIN)/python -m bench.ledger --folder $(BENCH_FOLDER)
	@$(BIN)/python -m bench.lists --folder $(BENCH_FOLDER)
	@$(BIN)/python -m bench.books

screenshots: $(DEV_READY) chromium ## Take the README's pictures from `make run` in another terminal, and all that customers read into test-results/customers
	$(BIN)/python -m bench.customer_pictures --folder test-results/customers
	$(BIN)/python -m bench.screenshots --url http://127.0.0.1:$(PORT) --folder docs/screenshots \
	  --only home,setup_links,charges,failures,approvals,payment-page

clean: ## Remove the virtual environment and caches; data stays
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis

chromium: ## Install a Chromium when none is found
	@if [ -n "$${CHROMIUM:-}" ] && [ -x "$${CHROMIUM}" ]; then exit 0; fi; \
	for name in chromium chromium-browser google-chrome google-chrome-stable; do \
	  if command -v $$name >/dev/null 2>&1; then exit 0; fi; \
	done; \
	if ! command -v apt-get >/dev/null 2>&1; then \
	  echo "The browser tests need a Chromium. Install one, or set CHROMIUM=/path/to/it." >&2; exit 1; \
	fi; \
	if [ "$$(id -u)" = 0 ]; then as_root=; \
	elif command -v sudo >/dev/null 2>&1; then as_root=sudo; \
	else echo "The browser tests need a Chromium: run apt-get install -y chromium as root." >&2; exit 1; fi; \
	$$as_root apt-get update -qq && $$as_root apt-get install -y -qq chromium

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Onfile needs Python 3.11 or newer.")'
	@echo "Making .venv"
	@$(PYTHON) -m venv .venv

$(READY): requirements.lock | .venv/bin/python
	@echo "Installing requirements"
	@$(INSTALL) -r requirements.lock
	@touch $@

$(DEV_READY): requirements-dev.lock | .venv/bin/python
	@echo "Installing test requirements"
	@$(INSTALL) -r requirements-dev.lock
	@touch $(READY) $@
