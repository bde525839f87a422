# `make` alone is `make demo`; `make help` lists everything.
PYTHON ?= python3
PORT ?= 5000
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.DEFAULT_GOAL := demo

# Where Python must not store what it compiled, each of the many processes would compile everything again.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "DataSync needs Python 3.11 or newer: make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV) || { tools/apt-install python3-venv && $(PYTHON) -m venv --clear $(VENV); }

$(VENV)/.run: requirements/base.txt setup.cfg pyproject.toml | $(BIN)/python
	$(PIP) install -r requirements/base.txt
	$(PIP) install --no-deps -e .
	@touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.run
	$(PIP) install -r requirements/dev.txt
	@touch $@

.PHONY: run
run: $(VENV)/.run ## Run web and worker; PORT=8000 for another port
	@$(BIN)/datasync run --port $(PORT)

.PHONY: demo
demo: $(VENV)/.run ## The same beside a practice Salesforce org, with a ready account
	@$(BIN)/datasync demo --port $(PORT)

.PHONY: test-tools
test-tools: ## Install what tests and benchmarks need besides Python packages: Chromium, PostgreSQL, Redis, wrk, sf
	@tools/install-test-tools $(BIN)/python
	@tools/install-sf

.PHONY: peers
peers: $(VENV)/.dev ## Install what the benchmarks compare with, apart from everything else
	@tools/install-peers $(VENV)

.PHONY: test
test: $(VENV)/.dev test-tools ## Run all tests, the browser ones included
	@# One more than there are cores: some always wait for a program or a page.
	$(BIN)/python -m pytest -n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist worksteal

.PHONY: check
check: lint ## Lint, types and the quick tests that need neither browser nor server: under two minutes
	$(BIN)/python -m pytest -q -n $(shell $(PYTHON) -c 'import os; print((os.cpu_count() or 1) + 1)') --dist worksteal -m "not (browser or server or slow)"

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy, djlint, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/djlint templates datasync_flask/practice_org/templates --lint --quiet
	$(BIN)/lint-imports

.PHONY: bench
bench: $(VENV)/.dev test-tools peers ## Run the benchmarks and write benchmarks/REPORT.md
	$(BIN)/python -m benchmarks

.PHONY: bench-smoke
bench-smoke: $(VENV)/.dev test-tools peers ## Run the benchmarks on small sizes, to see that they still work
	$(BIN)/python -m pytest -q benchmarks

.PHONY: screenshots
screenshots: $(VENV)/.dev test-tools ## Take a picture of every page and state into build/screenshots
	$(BIN)/python -m tools.screenshots

.PHONY: lighthouse
lighthouse: $(VENV)/.dev test-tools ## Score four pages with Lighthouse (needs npm)
	$(BIN)/python -m tools.lighthouse

.PHONY: guide-pictures
guide-pictures: $(VENV)/.dev test-tools ## Make the guide's pictures in static/guide again
	$(BIN)/python -m tools.guide_pictures

.PHONY: translations
translations: $(VENV)/.dev ## Extract all texts, merge and compile the translations; lists what is missing
	$(BIN)/python -m tools.translations

.PHONY: lock
lock: $(VENV)/.dev ## Pin the newest versions that fit
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --no-annotate --no-header setup.cfg -o requirements/base.txt
	$(BIN)/uv pip compile -q --upgrade --universal --python-version 3.11 --no-annotate --no-header setup.cfg requirements/dev.in -o requirements/dev.txt

.PHONY: wheel
wheel: $(VENV)/.dev ## Build the wheel into dist/
	$(BIN)/python -m build --wheel

.PHONY: clean
clean: ## Remove what make made, but for instance/, which holds your data
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
