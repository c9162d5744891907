# Two commands set up all they need: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs

.PHONY: demo test install docs lint types bench wheels clean

# Simulates an IRIS exposure set, calibrates it, and shows what came out in demo/.
demo: $(STAMP)
	$(BIN)/iris demo --out demo --overwrite

test: $(STAMP)
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The core and every plugin in editable form, with what the tests need.
install: $(STAMP)

$(STAMP): pyproject.toml $(PLUGINS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev --editable . $(addprefix --editable ./,$(dir $(PLUGINS)))
	touch $@

# The reference pages from the code, then the site in docs/_build/html; pictures are drawn by running their code.
docs: $(DOCS_STAMP)
	$(BIN)/python docs/generate.py
	$(BIN)/python -m sphinx --fail-on-warning --keep-going --nitpicky --quiet docs docs/_build/html

$(DOCS_STAMP): $(STAMP)
	$(BIN)/python -m pip install --quiet --group docs
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy iris_core $(wildcard plugins/*/iris_*)
	cd examples/iris-destripe && ../../$(BIN)/mypy iris_destripe


bench: $(STAMP)
	$(BIN)/python benchmarks/run_image2.py
	$(BIN)/python benchmarks/rateints.py

# Wheels of the core and of every plugin, in dist/.
wheels: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist . $(addprefix ./,$(dir $(PLUGINS)))

clean:
	rm -rf $(VENV) dist demo docs/_build docs/gallery docs/reference/api
