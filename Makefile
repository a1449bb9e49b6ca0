# Every target sets up .venv by itself, with as much in it as that target needs. Nothing has to be activated.
#   PYTHON  the Python that .venv is made with (3.11 to 3.13)
#   ARGS    passed on: make play ARGS="--seed 7", make test ARGS="-k camera"

PYTHON ?= python3
ARGS ?=

ifeq ($(OS),Windows_NT)
VENV_PY := .venv/Scripts/python.exe
else
VENV_PY := .venv/bin/python
endif

RUN := @$(VENV_PY)

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help play gpu test eval bench train lint format clean FORCE

help: ## list these targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{ printf "%-16s%s\n", $$1, $$2 }'

play: .venv/.play ## walk through a dreamt world (ARGS="--help" lists the options)
	$(RUN) play.py $(ARGS)

gpu: .venv/.gpu ## install what the worlds with official weights need (then: make play ARGS="--world matrix-game-2")

test: .venv/.test ## check style and run the tests (ARGS go to pytest)
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .
	$(RUN) -m pytest $(ARGS)

eval: .venv/.train ## measure the embedded world against its training world
	$(RUN) -m train.eval $(ARGS)

bench: .venv/.train ## measure every world on every engine that runs here, then the player itself (ARGS go to the table)
	$(RUN) -m bench.table $(ARGS)
	$(RUN) -m bench.cpu --seconds 20 --soak 0

train: .venv/.train ## train (ARGS="--help" lists the options)
	$(RUN) -m train.train $(ARGS)

lint: .venv/.test ## check style
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: .venv/.test ## mend style
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

clean: ## remove .venv and caches (data, runs, recordings and screenshots stay)
	@rm -rf .venv .pytest_cache .ruff_cache build reverie.egg-info
	@find . -name .git -prune -o -type d -name __pycache__ -prune -exec rm -rf {} +

# Stamps: what is installed in .venv. They are void where .venv has lost its Python.
ifeq ($(shell test -x $(VENV_PY) || echo lost),lost)
.venv/.play .venv/.gpu .venv/.train .venv/.test: FORCE
endif

.venv/.play: EXTRA := [openvino]
.venv/.play: STAMPS := .venv/.play
.venv/.gpu: EXTRA := [gpu]
.venv/.gpu: STAMPS := .venv/.play .venv/.gpu
.venv/.train: EXTRA := [train]
.venv/.train: STAMPS := .venv/.play .venv/.train
.venv/.test: EXTRA := [test]
.venv/.test: STAMPS := .venv/.play .venv/.gpu .venv/.train .venv/.test

.venv/.play .venv/.gpu .venv/.train .venv/.test: pyproject.toml | $(VENV_PY)
	@echo "Installing what '$(@:.venv/.%=%)' needs into .venv; the first time may take minutes." >&2
	@$(VENV_PY) -m pip install --quiet --disable-pip-version-check --editable ".$(EXTRA)"
	@touch $(STAMPS)

$(VENV_PY):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null || { \
	  echo "Reverie needs Python 3.11, 3.12 or 3.13, and '$(PYTHON)' is none of them: name one, as in 'make $(firstword $(MAKECMDGOALS)) PYTHON=python3.12'." >&2; exit 1; }
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; \
	  echo "'$(PYTHON) -m venv' failed: on Debian and Ubuntu install python3-venv, then try again." >&2; exit 1; }
