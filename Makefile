# Vezne: `make run` starts everything, `make test` proves everything. Both fetch what they need.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
SOAK_MINUTES ?= 10
PYTEST := $(BIN)/python -m pytest
# The unit tests of `make check`: nothing that starts a database, a process or a browser.
UNIT := $(PYTEST) -q -m unit tests

.PHONY: .venv help run test check format bench soak assets lock wheel clean chromium

help: ## What can be made
	@grep -hE '^[.a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: .venv/.ready assets ## Service, worker, sandbox and PostgreSQL in one command
	@exec $(BIN)/vezne run

test: assets chromium check ## Everything: check, then every test, the browser's included
	$(PYTEST) -n $(WORKERS) --dist loadgroup -m "not soak"

check: .venv/.ready ## Lint, format, types, import contracts, unit tests: under a minute
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(BIN)/deptry src
	$(UNIT)

format: .venv/.ready ## Put the code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/.ready ## The benchmarks, each against its limit in the same run
	$(BIN)/python -m bench

soak: .venv/.ready assets ## The fault suite, long (SOAK_MINUTES each, 10 unless told)
	VEZNE_SOAK_MINUTES=$(SOAK_MINUTES) $(PYTEST) -s -m "soak or faults"

assets: src/vezne/assets/dist/manifest.json ## Styles, icons and scripts of the pages

lock: .venv/.ready ## Resolve requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --upgrade -q -o requirements.lock

wheel: .venv/.ready assets ## The package, pages and migrations included
	$(BIN)/uv build --wheel --no-build-isolation --python $(BIN)/python -o dist -q

clean: ## Remove what was built here (never data)
	rm -rf .venv node_modules dist src/vezne/assets/dist src/vezne/assets/.node
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.venv: .venv/.ready ## The locked environment

.venv/.ready: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Vezne needs Python 3.11 or newer; no '$(PYTHON)' is on PATH (set PYTHON=…)." >&2; exit 1; }
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
	  echo "Vezne needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1) (set PYTHON=…)." >&2; exit 1; }
	[ -x $(BIN)/python ] || $(PYTHON) -m venv .venv
	# uv itself comes from the lock, hashes and all; after that it installs the rest.
	uv=$$(awk '/^uv==/ { p = 1 } p { print; if (!/\\$$/) exit }' requirements.lock)
	want=$$(sed -nE 's/^uv==([^ ]+).*/\1/p' requirements.lock)
	[ "$$($(BIN)/uv --version 2>/dev/null | cut -d' ' -f2)" = "$$want" ] ||
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r <(echo "$$uv")
	export VIRTUAL_ENV=.venv
	$(BIN)/uv pip install --quiet --require-hashes -r requirements.lock
	$(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

# Not `npm ci`: it refuses a lock without the packages of platforms that a registry mirror leaves out.
node_modules/.ready: package.json package-lock.json .npmrc scripts/npm.sh | .venv/.ready
	@bash scripts/npm.sh install --no-save --ignore-scripts --silent
	touch $@

# Whatever the stylesheet and the icon list are made from; a changed template may name a class or an icon not seen yet.
PAGES := $(shell find src/vezne -path '*/assets/dist' -prune -o -path '*/assets/.node' -prune -o \
  \( -name '*.css' -o -name '*.html' -o -name '*.js' -o -name '*.svg' -o -name '*pages.py' \) -print)

src/vezne/assets/dist/manifest.json: node_modules/.ready scripts/build_assets.py $(PAGES)
	@$(BIN)/python scripts/build_assets.py

chromium:
	@bash scripts/chromium.sh
