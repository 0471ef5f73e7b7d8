# Every target sets up its own environment in .venv from pinned, hashed requirements; a second run is quick.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check -q

.PHONY: help demo test evals check lint types wheel package image artefacts clients bench lock clean
TOOLS := .venv-package/bin
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/run ## answer one real question from the built-in demo API, and print what to paste into a client
	@$(BIN)/catena-ops-mcp call summarize_failures --demo
	@printf '\nTo ask an assistant, paste this into its configuration (Claude Desktop: claude_desktop_config.json):\n%s\n' \
	  '{"mcpServers": {"catena-ops-demo": {"command": "$(CURDIR)/$(BIN)/catena-ops-mcp", "args": ["--demo"]}}}'

test: $(VENV)/dev ## run the tests
	@$(BIN)/python -m pytest -q -n auto --dist loadgroup

evals: $(VENV)/dev ## ask the questions whose answers are known, and print how the tools did
	@$(BIN)/python -m evals

check: lint types test wheel artefacts ## everything that must hold before a change lands

lint: $(VENV)/dev ## style
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/dev ## strict types, tests too
	@$(BIN)/mypy

wheel: $(VENV)/dev ## build the wheel and test it with the sources out of reach
	@$(BIN)/python tests/wheel.py

package: $(VENV)/dev .venv-package/done ## build wheel, sdist, bundle, registry entry and plugin, and the image where buildah is here
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(BIN)/python packaging/build.py
	@if command -v buildah >/dev/null && [ "$$(id -u)" = 0 ]; then sh packaging/image.sh; else echo "image   skipped: buildah is not here, or not run as root"; fi

artefacts: package ## check and run what was built
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(BIN)/python packaging/check.py

clients: $(VENV)/dev .venv-package/done ## drive real MCP clients against the server, or those of CLIENTS="fastmcp codex"
	@PATH="$(CURDIR)/$(TOOLS):$$PATH" $(BIN)/python clients/run.py $(CLIENTS)

bench: $(VENV)/dev ## print the figures
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b; done

# An environment knows its own place: after the folder has moved it is made anew.
MOVED := $(shell test -x $(VENV)/bin/pip && ! head -3 $(VENV)/bin/pip | grep -qF "$(CURDIR)/" && rm -rf $(VENV) .venv-package)

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/it" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements/run.txt pyproject.toml | $(VENV)/bin/python
	@echo "Setting up $(VENV) ..." >&2
	@$(PIP) install --require-hashes -r requirements/run.txt
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

# Tools that check what is built. Where they cannot be installed the checks they are for are skipped, and say so.
.venv-package/done: requirements/package.txt | $(VENV)/bin/python
	@$(PYTHON) -m venv .venv-package
	@.venv-package/bin/python -m pip --disable-pip-version-check -q install --require-hashes -r requirements/package.txt \
	  && touch $@ || echo "package tools could not be installed" >&2

$(VENV)/dev: $(VENV)/run requirements/dev.txt
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@

lock: ## pin the requirements anew (needs uv)
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group build pyproject.toml -o requirements/run.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group dev -c requirements/run.txt pyproject.toml -o requirements/dev.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group build --extra otel --extra redis --extra socks -c requirements/dev.txt pyproject.toml -o requirements/image.txt
	uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url --no-annotate \
	  --group package -o requirements/package.txt

clean: ## remove what the targets made
	rm -rf $(VENV) .venv-package .clients dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis
