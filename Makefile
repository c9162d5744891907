# Two commands set up all they need: `make demo` and `make test`.
# A Python that is named, as in `make test PYTHON=python3.13`, installs into folders of its own: .venv-3.13.
PYTHON ?= python3
VERSION = $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])')
NAMED := $(if $(filter-out file,$(origin PYTHON)),-$(or $(VERSION),$(error PYTHON=$(PYTHON) does not run)))
VENV := .venv$(NAMED)
OLDEST := .venv-oldest$(NAMED)
BIN := $(VENV)/bin
PLUGINS := $(sort $(wildcard plugins/*/pyproject.toml))
EDITABLE := --editable . $(addprefix --editable ./,$(dir $(PLUGINS)))
TEST := -m pytest --numprocesses auto --dist worksteal
# Our matrices are small, and tests run beside each other: threads of BLAS would wait for each other.
export OPENBLAS_NUM_THREADS ?= 1
STAMP := $(VENV)/.installed
DOCS_STAMP := $(VENV)/.installed-docs

.PHONY: demo test test-slow test-all test-oldest acceptance install docs lint types mutation bench bench-compare wheels clean

# Simulates an IRIS exposure set, calibrates it, and shows what came out in demo/.
demo: $(STAMP)
	$(BIN)/iris demo --out demo --overwrite

test: $(STAMP)
	$(BIN)/python $(TEST) -m "not slow and not acceptance"

# Those that start many processes, and wait for them, or draw many realisations of noise; SLOW=tests: the core's.
test-slow: $(STAMP)
	$(BIN)/python $(TEST) --numprocesses 3 -m "slow and not acceptance" $(SLOW)

test-all: test test-slow

# What takes minutes for each test, and the Monte-Carlo benchmarks with their limits: before a release.
acceptance: $(STAMP)
	$(BIN)/python $(TEST) -m acceptance || [ $$? = 5 ]
	$(BIN)/python benchmarks/acceptance.py

# The same tests with exactly the lowest versions that the packages declare; they are those of the oldest Python.
test-oldest: $(OLDEST)/.installed
	$(OLDEST)/bin/python $(TEST) -m "not acceptance"

$(OLDEST)/.installed: pyproject.toml $(PLUGINS) tools/oldest.py
	$(PYTHON) -m venv --clear $(OLDEST)
	$(OLDEST)/bin/python -m pip install --quiet --upgrade "pip>=25.3" packaging
	$(OLDEST)/bin/python tools/oldest.py pyproject.toml $(PLUGINS) > $(OLDEST)/pins.txt
	$(OLDEST)/bin/python -m pip install --quiet --constraint $(OLDEST)/pins.txt --build-constraint $(OLDEST)/pins.txt \
		--group dev $(EDITABLE)
	touch $@

# The core and every plugin in editable form, with what the tests need.
install: $(STAMP)

$(STAMP): pyproject.toml $(PLUGINS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --group dev $(EDITABLE)
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
	$(BIN)/mypy iris_core tools tests/mutation $(filter-out %.egg-info,$(wildcard plugins/*/iris_*))
	cd examples/iris-destripe && ../../$(BIN)/mypy iris_destripe

# Small faults in the kernel, drawn by seed, and those of tests/mutation/named.toml: does a test fail for each?
mutation: $(STAMP)
	$(BIN)/python tests/mutation/mutate.py --count 100 --seed 1

# iris, the floor below it and its peers, each in an environment of its own that is made on the first use; minutes to
# hours: BENCH="--sizes 4096 --runs 3" does less. See benchmarks/README.md.
bench: $(STAMP)
	$(BIN)/python benchmarks/image2.py $(BENCH)
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/rateints.py

# Two files of `make bench`, or two git revisions: make bench-compare A=main B=. BENCH="--sizes 2048"
bench-compare: $(STAMP)
	$(BIN)/python benchmarks/compare.py $(A) $(B) $(BENCH)

# Wheels of the core and of every plugin, in dist/; that of iris-drizzle is for this kind of machine, and holds the
# compiled kernel where there is a C++ compiler.
wheels: $(STAMP)
	rm -rf dist
	$(BIN)/python -m pip wheel --quiet --no-deps --wheel-dir dist . $(addprefix ./,$(dir $(PLUGINS)))

clean:
	rm -rf .venv .venv-* dist demo docs/_build docs/gallery docs/reference/api
