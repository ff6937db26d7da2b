# What a newcomer types: `make demo`. What a change has to pass: `make test`.

VENV       := .venv
BIN        := $(VENV)/bin
PACKAGES   := schemas renderers connectors processors producer_api exportstream
CODE       := $(PACKAGES) tests examples bench
UV         ?= uv
# Tests wait more than they compute. A file stays in one process, with the servers that it starts.
PYTEST_ARGS ?= -n 2 --dist loadfile
BENCH      ?= engine pipeline
BENCH_ARGS ?=
FUZZ       ?=
FUZZ_SECONDS ?= 60

# The first of these that is 3.11 or newer, if there is one that can create environments; a shim that is there
# but does not run does not count. The system's come first: they are built with what profiles told, which others
# are only when asked, and the command line begins a fifth faster with them.
PYTHON ?= $(shell for need in ensurepip sys; do for v in 3.11 3.12 3.13 3.14 3 ""; do for p in /usr/bin/python$$v python$$v; do \
	"$$p" -c "import sys, $$need; sys.exit(sys.version_info < (3, 11))" >/dev/null 2>&1 && echo "$$p" && exit; \
	done; done; done)

.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help install dev demo examples test lint format types imports pytest unit integration servers bench fuzz docs lock clean distclean

help: ## print this
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# --- install ---------------------------------------------------------------------------------------

install: $(VENV)/.runtime ## create .venv with the command .venv/bin/exportstream
	@:

dev: $(VENV)/.dev ## add what the checks need
	@:

$(VENV)/.runtime: requirements.txt requirements-build.txt requirements-fonts.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed and was not found: install it, or say make PYTHON=/path/to/python3.11." >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear $(VENV) || { echo "$(PYTHON) cannot create environments: install its venv module (Debian: apt-get install python3-venv)." >&2; exit 1; }
	@echo "Installing what requirements.txt names (about a minute, once) …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-build.txt -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps --ignore-requires-python -r requirements-fonts.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-index --config-settings editable_mode=compat -e .
	@$(BIN)/python -m compileall -q $(PACKAGES)
	@touch $@
	@echo "Installed: $(BIN)/exportstream"

$(VENV)/.dev: $(VENV)/.runtime requirements-dev.txt
	@echo "Installing what the checks need …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# --- try it ----------------------------------------------------------------------------------------

demo: install examples ## export the example project to MP4, MP3 and JSON, with everything embedded
	@$(BIN)/exportstream demo

examples: install ## draw and compose the media of examples/launch (a few seconds, once)
	@$(BIN)/python examples/make_launch.py --if-missing

# --- checks ----------------------------------------------------------------------------------------

test: lint types imports pytest ## every check: lint, types, imports, tests

lint: dev ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: dev ## let ruff format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: dev ## mypy, strict, tests too
	$(BIN)/mypy $(wildcard $(CODE))

imports: dev ## who may import whom
	$(BIN)/lint-imports

pytest: dev servers ## all tests; EXPORTSTREAM_REQUIRE_SERVERS=1 fails those whose server is missing
	$(BIN)/python -m pytest $(PYTEST_ARGS)

unit: dev ## the tests that need no server
	$(BIN)/python -m pytest tests/unit $(PYTEST_ARGS)

integration: dev servers ## the tests against real servers
	$(BIN)/python -m pytest tests/integration $(PYTEST_ARGS)

servers: dev ## fetch and build what the real servers are made of (once)
	@$(BIN)/python -m tests.servers

bench: dev ## measure: all of bench/ that needs nothing else, or BENCH=engine alone
	for name in $(BENCH); do $(BIN)/python -m bench.$$name $(BENCH_ARGS) || exit 1; done

fuzz: dev ## changed files for every decoder, for a minute: FUZZ_SECONDS=3600 for an hour, FUZZ=sounds for one kind
	$(BIN)/python -m tests.fuzz $(FUZZ) --seconds $(FUZZ_SECONDS) --keep .cache/fuzz

# --- upkeep ----------------------------------------------------------------------------------------

docs: install ## write the table of settings into README.md anew
	$(BIN)/python -m exportstream.config README.md

LOCK = $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	--no-emit-index-url --no-emit-find-links

lock: ## choose versions anew and write their hashes (needs uv)
	for name in requirements requirements-build requirements-dev; do \
		$(LOCK) $$name.in -o $$name.txt || exit 1; done
	$(LOCK:3.11=3.13) --no-deps requirements-fonts.in -o requirements-fonts.txt

clean: ## remove what was made, but the environment
	rm -rf build dist out data *.egg-info .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis \
		.import_linter_cache examples/launch/media
	find $(wildcard $(CODE)) -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## remove the environment and fetched servers too
	rm -rf $(VENV) .cache
