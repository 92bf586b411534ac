# Two commands are all a newcomer needs: `make demo` and `make test`. Each sets itself up in .venv first.

.DEFAULT_GOAL := help
.PHONY: help demo test bench screenshots words client
SHELL := /bin/sh

VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
ARGS ?=

help:
	@echo "make demo         start the example at http://localhost:$(PORT)"
	@echo "make test         check style and types, then run all tests"
	@echo "make bench        measure; ARGS=--quick for a first look"
	@echo "make screenshots  take pictures of every screen in every state; ARGS=sign-in for some"
	@echo "make words        write the sentences of screens and letters into ui/locale/authmw.pot"
	@echo "make client       write the methods, answers and errors of authmw.client from what features declare"

demo: $(VENV)/demo.stamp
	@echo
	@echo "  Home            http://localhost:$(PORT)/"
	@echo "  Sign up         http://localhost:$(PORT)/auth/sign-up"
	@echo "  Mail it sends   http://localhost:$(PORT)/auth/dev/mail"
	@echo
	@echo "  Everything is kept in authmw.db, here. Ctrl-C stops it."
	@echo
	@AUTHMW_BASE_URL=http://localhost:$(PORT) exec $(BIN)/uvicorn example.starlette_app:app \
		--host localhost --port $(PORT) --no-access-log --no-proxy-headers --no-server-header

test: $(VENV)/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest $(ARGS)

bench: $(VENV)/test.stamp
	$(BIN)/python -m bench $(ARGS)

screenshots: $(VENV)/test.stamp
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

words: $(VENV)/test.stamp
	@$(BIN)/python -m tests.words

client: $(VENV)/test.stamp
	@$(BIN)/python -m tests.client_methods

# A shim of a version manager may carry the name of a Python that is not there, so each one is asked.
$(BIN)/python:
	@for name in $(PYTHON) python3.13 python3.12 python3.11 python3 python; do \
		if $$name -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making $(VENV) with $$name ($$($$name --version 2>&1))"; \
			$$name -m venv $(VENV) && exit 0; \
			rm -rf $(VENV); \
			echo "That Python cannot make a virtual environment. On Debian: apt-get install python3-venv" >&2; \
			exit 1; \
		fi; \
	done; \
	echo "authmw needs Python 3.11 or newer, and none was found. Name one: make $(MAKECMDGOALS) PYTHON=/path/to/python" >&2; \
	exit 1

# Installed anew only when what is to be installed has changed.
$(VENV)/demo.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing what the demo needs (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . "uvicorn>=0.34" "websockets>=14"
	@touch $@

# --group came with pip 25.1.
$(VENV)/test.stamp: pyproject.toml | $(BIN)/python
	@echo "Installing what the tests need (once)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group dev
	@touch $@ $(VENV)/demo.stamp
