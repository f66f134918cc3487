# Needs python3 (3.11 or later, with venv) and nothing else:
#   make up     everything on this machine, until Ctrl-C      make up ARGS="--port 8010 --home DIR --no-demo"
#   make test   every test                                    make test ARGS="tests/orgs -k approve"
#   make check  style, types, import rules, migrations, deployment settings, compose file
#   make bench  every benchmark at its smallest size: right results, and no work many times as dear as it was
#   make pins   after a change of dependencies: pin what is installed
#   make words  after a change of a text that customers see: bring the translations up to date and compile them

PYTHON ?= python3
ARGS ?=
BIN := .venv/bin
# A .venv that uv made has no pip; one of an old Python has one that does not know --group.
INSTALL_PIP := { $(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; } && \
	$(BIN)/python -m pip install -qq --upgrade 'pip>=25.1'
RUN := $(BIN)/engage run --home var/test

.DEFAULT_GOAL := help
.PHONY: help up test check bench pins words browser lint types migrations deployment compose

help:
	@sed -n '2,8s/^# *//p' Makefile

up: .venv/ready
	@$(BIN)/engage up $(ARGS)

# Playwright leaves an event loop running in its thread, so what needs one of its own runs in another process.
test: .venv/ready-to-develop browser
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not browser"
	$(BIN)/python -m pytest -m browser
endif

check: lint types migrations deployment compose

lint: .venv/ready-to-develop
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports

types: .venv/ready-to-develop
	$(RUN) -- $(BIN)/mypy engage audiences channels campaigns conversions reporting

migrations: .venv/ready-to-develop
	$(RUN) --owner -- $(BIN)/python manage.py makemigrations --check --dry-run
	$(RUN) --owner -- $(BIN)/python -m engage.local.migrations_check

# As a server would be: TLS in front, no plain http.
deployment: .venv/ready-to-develop
	ENGAGE_PLAIN_HTTP=0 $(RUN) -- $(BIN)/python manage.py check --deploy --fail-level WARNING

# Reads the file only; no engine is needed. The values stand for the secrets that it must not hold.
compose:
	@command -v docker-compose >/dev/null || { echo "make compose needs docker-compose (Debian: apt-get install docker-compose)" >&2; exit 1; }
	POSTGRES_PASSWORD=x OWNER_PASSWORD=x RUNTIME_PASSWORD=x SECRET_KEY=x ENGAGE_HOSTS=x ENGAGE_CONSOLE_URL=x docker-compose config --quiet

browser: .venv/ready-to-develop
	@$(BIN)/python -m engage.local.browser

# Nothing else should be busy; it judges CPU a unit, not time.
bench: .venv/ready-to-develop
	$(BIN)/python benchmarks/gate.py

pins: .venv/ready-to-develop
	$(BIN)/python -m engage.local.pins

words: .venv/ready-to-develop
	$(RUN) -- $(BIN)/python -m engage.local.words

# Once, and again when a dependency changed.
.venv/ready: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing what Engage needs into .venv (once; a minute or two) ..."
	@$(INSTALL_PIP)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[demo]'
	@touch $@

.venv/ready-to-develop: .venv/bin/python pyproject.toml constraints.txt
	@echo "installing what Engage and its tests need into .venv (once; a few minutes) ..."
	@$(INSTALL_PIP)
	@$(BIN)/python -m pip install -qq --constraint constraints.txt --editable '.[demo]' --group dev
	@touch .venv/ready $@

.venv/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo "Engage needs Python 3.11 or later; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make up PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -m venv .venv || { rm -rf .venv; \
		echo "Engage needs Python's venv (Debian, Ubuntu: apt-get install python3-venv)" >&2; exit 1; }
