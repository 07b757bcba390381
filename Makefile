# `make run` runs everything here; `make test` runs every test; `make help` lists the rest.
# Only python3.11 or newer, git and make are needed: both set up .venv first, from hash-locked requirements.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run test sure model evaluate evaluate-learning bench chaos fuzz docs lock migration demo

# The newest Python that the tests know, unless PYTHON names one.
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do \
	$$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$name && break; done)
BIN := .venv/bin
LOCKS := requirements-setup.lock requirements.lock
# Libraries that start a thread for each core only get in each other's way on a small machine.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# One heap for each thread costs more memory than it saves time here.
export MALLOC_ARENA_MAX ?= 2

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s '|'

run: .venv/run.stamp ## run everything here on embedded parts, until Ctrl-C
	@exec $(BIN)/btl up

demo: .venv/run.stamp ## send a few hundred comments to a running `make run`
	@exec $(BIN)/btl demo

test: .venv/dev.stamp ## run every test
	@bash scripts/test_parts.sh
	@exec $(BIN)/python -m pytest -p no:cacheprovider -n 2 --dist loadgroup $(PYTEST)

sure: .venv/dev.stamp ## format, lint, types, import rules, security, tests, docs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy moderation models service worker
	$(BIN)/lint-imports
	$(BIN)/bandit -q -ll -c pyproject.toml -r moderation models service worker examples
	@$(BIN)/python scripts/audit.py
	$(MAKE) test
	$(MAKE) docs

model: .venv/dev.stamp $(if $(DATA),.venv/deep.stamp) ## train the model (DATA=folder of data sets; without it on the small corpus shipped)
	$(BIN)/python -m models.train $(if $(DATA),--data $(DATA),--sample) $(ARGS)

evaluate: .venv/dev.stamp ## measure the model's quality (DATA=…; without it on the small corpus shipped)
	@$(BIN)/python -m models.evaluate $(if $(DATA),--data $(DATA),--sample) $(if $(JSON),--json) $(ARGS)

evaluate-learning: .venv/dev.stamp ## measure what a site's own decisions teach the model (DATA=…; without it on what is shipped)
	@$(BIN)/python -m models.evaluate_learning $(if $(DATA),--data $(DATA)) $(if $(JSON),--json) $(ARGS)

bench: .venv/dev.stamp ## measure speed and memory, each beside a reference (ROW="accept settle", DATA=…, SHORT=1, KEEP=1, JSON=1)
	@$(BIN)/python -m tests.bench $(foreach row,$(ROW),--row $(row)) $(if $(DATA),--data $(DATA)) $(if $(SHORT),--short) \
		$(if $(KEEP),--keep) $(if $(JSON),--json) $(ARGS)

chaos: .venv/dev.stamp ## break one part at a time under load and look for loss (JSON=1)
	@$(BIN)/python -m tests.chaos $(if $(JSON),--json) $(ARGS)

fuzz: .venv/dev.stamp ## send thousands of faulty requests to every route
	@$(BIN)/python -m tests.fuzz $(ARGS)

docs: .venv/dev.stamp ## build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

migration: .venv/dev.stamp ## write the step from the schema to the tables (MESSAGE="what it is for")
	$(BIN)/python -m moderation.migrations $(if $(MESSAGE),"$(MESSAGE)")

# The second lock holds only what the tests need besides the first; one that the first needs on some systems
# only (it has a marker there) may be needed on all of them here, and stands in both.
# Neither index addresses nor host names: the lock works with whatever index a machine is set up for.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --python-version 3.11 \
	--custom-compile-command "make lock" $(if $(UPGRADE),--upgrade)
lock: .venv/setup.stamp ## resolve the requirements anew (UPGRADE=1: to the newest versions)
	printf 'uv\nsetuptools\n' | $(COMPILE) - -o requirements-setup.lock
	$(COMPILE) pyproject.toml --extra observe -o requirements.lock
	$(COMPILE) pyproject.toml --extra dev --constraint requirements.lock -o requirements-dev.lock \
		$$(sed -nE 's/^([a-zA-Z0-9._-]+)==[^;]*$$/--no-emit-package \1/p' requirements.lock)

# -- setting up ---------------------------------------------------------------------------------------

INSTALL = VIRTUAL_ENV=.venv $(BIN)/uv --quiet pip install --require-hashes
INSTALL_US = VIRTUAL_ENV=.venv $(BIN)/uv --quiet pip install --no-deps --no-build-isolation --editable .

.venv/setup.stamp: requirements-setup.lock
	@if [ -z "$(PYTHON)" ]; then echo "Python 3.11 or newer is needed; install it, or name one: make $(MAKECMDGOALS) PYTHON=…"; exit 1; fi
	@echo "Setting up .venv with $$($(PYTHON) --version) (once) …"
	@$(PYTHON) -m venv .venv || { echo "Python's venv module is missing (Debian: apt-get install python3-venv)."; exit 1; }
	@$(BIN)/pip --quiet --disable-pip-version-check install --require-hashes -r requirements-setup.lock
	@touch $@

.venv/run.stamp: .venv/setup.stamp requirements.lock pyproject.toml
	@echo "Installing what the program needs …"
	@$(INSTALL) -r requirements.lock
	@$(INSTALL_US)
	@$(BIN)/python -m compileall -q -j 0 $(BIN)/../lib/python3*/site-packages moderation models service worker examples >/dev/null || true
	@touch $@

.venv/dev.stamp: .venv/setup.stamp requirements.lock requirements-dev.lock pyproject.toml
	@echo "Installing what the tests need …"
	@$(INSTALL) -r requirements.lock -r requirements-dev.lock
	@$(INSTALL_US)
	@touch $@ .venv/run.stamp

# Only training the deep tier needs torch, two gigabytes of it; what is locked stays as it is.
.venv/deep.stamp: .venv/dev.stamp
	@echo "Installing what the deep tier is trained with …"
	@VIRTUAL_ENV=.venv $(BIN)/uv --quiet pip install --constraint requirements.lock --no-build-isolation --editable '.[deep]'
	@touch $@
