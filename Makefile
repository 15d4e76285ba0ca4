# One command per chore.  Each target installs what it needs into a virtual
# environment of its own first, so a fresh clone needs only `make demo` or `make test`.

PYTHON ?= python3
VENV := .venv
VENV_BENCH := .venv-bench
PIP_INSTALL := -m pip install --quiet --disable-pip-version-check

# How many random programs a test run judges: see tests/programs/test_fuzz.py.
QUICK_EXAMPLES ?= 50
TEST_EXAMPLES ?= 1200
ALL_EXAMPLES ?= 4000
# Two processes, each with a half of the files in their order: what a module makes once
# is made once.
SHARED := -n 2 --dist worksteal
# Nor does each process that a test starts compile the package again.
export PYTHONDONTWRITEBYTECODE :=
QUICK_TESTS := $(wildcard tests/test_tiny.py tests/test_layers.py tests/test_exports.py)

# What replays, for the engine switched off; what is written for registers of another
# width, where libraries are missing, and what is called without a builtin of our own
# (docs/reference/environment.md).
ENGINE_EXAMPLES ?= 200
MODE_EXAMPLES ?= 100
LANE_TESTS := tests/lower tests/programs tests/emit/test_machine.py \
    tests/execute/test_vmap.py tests/execute/test_blocks.py
LIBRARY_TESTS := tests/lower tests/programs tests/emit \
    tests/execute/test_native_registry.py
ENTRY_TESTS := tests/programs tests/emit tests/execute/test_calls.py \
    tests/execute/test_jit.py tests/execute/test_kept.py tests/execute/test_paths.py \
    tests/execute/test_plan.py tests/execute/test_static_numbers.py
ENGINE_TESTS := tests/execute tests/emit tests/derive tests/ops/test_registry.py
LOOP_TESTS := tests/core tests/capture tests/structure tests/programs

.DEFAULT_GOAL := help
.PHONY: help demo quick test test-all test-engines check format docs golden pictures bench peers

help:  ## list the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.stamp-demo  ## run the example programs, print their results, write build/demo.html
	$(VENV)/bin/python examples/demo.py

quick: $(VENV)/.stamp-dev  ## the first tests, under 30 seconds
	WENGERT_EXAMPLES=$(QUICK_EXAMPLES) $(VENV)/bin/python -m pytest $(QUICK_TESTS)

test: $(VENV)/.stamp-dev  ## the tests with fixed seeds, some 7 minutes on 2 cores
	WENGERT_EXAMPLES=$(TEST_EXAMPLES) \
	    $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" --durations=10

test-all: $(VENV)/.stamp-dev  ## every test, with more random programs
	WENGERT_EXAMPLES=$(ALL_EXAMPLES) $(VENV)/bin/python -m pytest $(SHARED) --durations=10

test-engines: $(VENV)/.stamp-dev  ## what other processors and systems get, all loops found early
	WENGERT_LOOKS_FROM=12 WENGERT_EXAMPLES=$(ENGINE_EXAMPLES) \
	    $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" $(ENGINE_TESTS) $(LOOP_TESTS)
	WENGERT_ENGINE=interpreter WENGERT_EXAMPLES=$(ENGINE_EXAMPLES) \
	    $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" $(ENGINE_TESTS) tests/programs
	for lanes in 1 2 4 8; do \
	    WENGERT_LANES=$$lanes WENGERT_EXAMPLES=$(MODE_EXAMPLES) \
	        $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" $(LANE_TESTS) || exit 1; \
	done
	WENGERT_WITHOUT=libmvec,lapack WENGERT_EXAMPLES=$(MODE_EXAMPLES) \
	    $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" $(LIBRARY_TESTS)
	WENGERT_WITHOUT=entry WENGERT_EXAMPLES=$(MODE_EXAMPLES) \
	    $(VENV)/bin/python -m pytest $(SHARED) -m "not slow" $(ENTRY_TESTS)

check: $(VENV)/.stamp-dev  ## lint, format and types
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

format: $(VENV)/.stamp-dev  ## put the code into the house format
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .

docs: $(VENV)/.stamp-docs  ## the documentation as a site in build/docs
	NO_MKDOCS_2_WARNING=1 $(VENV)/bin/python -m mkdocs build --strict --quiet

golden: $(VENV)/.stamp-dev  ## write what the documents' code prints into the documents
	$(VENV)/bin/python -m tests.docs.blocks

pictures: $(VENV)/.stamp-dev  ## make the documents' pictures again, with chromium
	$(VENV)/bin/python docs/pictures.py

bench: $(VENV_BENCH)/.stamp  ## time and memory beside autograd, PyTorch, JAX, CasADi
	$(VENV_BENCH)/bin/python bench/eager.py --json bench/results/eager.json
	$(VENV_BENCH)/bin/python bench/native.py --json bench/results/native.json
	$(VENV_BENCH)/bin/python bench/arrays.py --json bench/results/arrays.json
	$(VENV_BENCH)/bin/python bench/loops.py --json bench/results/loops.json
	$(VENV_BENCH)/bin/python bench/products.py --json bench/results/products.json
	$(VENV_BENCH)/bin/python bench/systems.py --json bench/results/systems.json
	$(VENV_BENCH)/bin/python bench/equations.py --json bench/results/equations.json
	$(VENV_BENCH)/bin/python bench/sparse.py --json bench/results/sparse.json
	$(VENV_BENCH)/bin/python bench/calls.py --json bench/results/calls.json
	$(VENV_BENCH)/bin/python bench/first_call.py --json bench/results/first_call.json

peers: $(VENV_BENCH)/.stamp  ## the same programs in seven other libraries, into the documents
	$(VENV_BENCH)/bin/python -m bench.peers --write

$(VENV)/.stamp-demo: EXTRAS := demo
$(VENV)/.stamp-dev: EXTRAS := demo,test,dev,docs
$(VENV)/.stamp-docs: EXTRAS := docs
$(VENV)/.stamp-demo $(VENV)/.stamp-dev $(VENV)/.stamp-docs: pyproject.toml | $(VENV)/bin/python
	$(VENV)/bin/python $(PIP_INSTALL) --editable '.[$(EXTRAS)]'
	touch $@

$(VENV_BENCH)/.stamp: pyproject.toml | $(VENV_BENCH)/bin/python
	$(VENV_BENCH)/bin/python $(PIP_INSTALL) --editable '.[bench,bench-native,bench-peers]'
	touch $@

$(VENV)/bin/python $(VENV_BENCH)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "wengert needs Python 3.11 or newer: make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(patsubst %/bin/python,%,$@)
