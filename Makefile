# Every target sets up its own environment in .venv from pinned, hashed requirements; a second run is quick.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help demo test check lint types wheel bench lock clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

demo: $(VENV)/run ## answer one real question from the built-in demo API, and print what to paste into a client
	@$(BIN)/catena-ops-mcp call summarize_failures --demo
	@printf '\nTo ask an assistant, paste this into its configuration (Claude Desktop: claude_desktop_config.json):\n%s\n' \
	  '{"mcpServers": {"catena-ops-demo": {"command": "$(CURDIR)/$(BIN)/catena-ops-mcp", "args": ["--demo"]}}}'

test: $(VENV)/dev ## run the tests
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup

check: lint types test wheel ## everything that must hold before a change lands

lint: $(VENV)/dev ## style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev ## strict types, tests too
	@$(BIN)/mypy

wheel: $(VENV)/dev ## build the wheel and test it with the sources out of reach
	@$(BIN)/python tests/wheel.py

bench: $(VENV)/dev ## print the figures
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b; done

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev: $(VENV)/run requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

lock: ## pin the requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt

clean: ## remove what the targets made
	rm -rf $(VENV) dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
