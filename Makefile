# Two commands set up all they need: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
STAMP := $(VENV)/.installed

.PHONY: demo test install docs lint types bench wheels clean

# Simulates an IRIS exposure set, calibrates it, and shows what came out in demo/.
demo: $(STAMP)
	$(BIN)/iris demo --out demo --overwrite

test: $(STAMP)
	$(BIN)/python -m pytest

# The core and every plugin in editable form, with what the tests need.
install: $(STAMP)

$(STAMP): pyproject.toml $(PLUGINS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --editable . $(addprefix --editable ./,$(dir $(PLUGINS)))
	touch $@

docs: $(STAMP)
	$(BIN)/python docs/generate.py

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy iris_core $(wildcard plugins/*/iris_*)


bench: $(STAMP)
	$(BIN)/python benchmarks/run_image2.py

# Wheels of the core and of every plugin, in dist/.
wheels: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist . $(addprefix ./,$(dir $(PLUGINS)))

clean:
	rm -rf $(VENV) dist demo
