# One command a task. `make demo` and `make test` work alone on a fresh clone: both set up first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.ready
NATIVE := $(wildcard psi/_native/*.[ch] psi/indicators/native/*.[ch])

.DEFAULT_GOAL := help
.PHONY: help setup demo test check lint fmt type proto bench-ingest docs wheel constant-time bench-check clean

help:
	@echo "make demo   two members on this machine find their overlap (sets up first)"
	@echo "make test   all tests (sets up first)"
	@echo "make check  lint, types, then the tests"

setup: $(STAMP)

$(STAMP): pyproject.toml psi/_version.py $(NATIVE)
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 or newer is needed: apt-get install python3 python3-venv python3-dev" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; this is $$($(PYTHON) -V). Name another: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@command -v $${CC:-cc} >/dev/null || { echo "A C compiler is needed to build the kernel: apt-get install gcc libc6-dev python3-dev" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3-venv is needed: apt-get install python3-venv" >&2; exit 1; }
	@echo "setting up $(VENV): the kernel is built and the dependencies are installed, about a minute"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip 'setuptools>=77' wheel
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --editable '.[dev]'
	@touch $@

demo: setup
	@$(BIN)/overlap demo

test: setup
	@$(BIN)/python -m pytest -q --cov --cov-report=term

check: lint type test

lint: setup
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

fmt: setup
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

type: setup
	@$(BIN)/mypy

# Regenerated code must be identical to what is committed: grpcio-tools is pinned to grpcio.
proto: setup
	@$(BIN)/python -m grpc_tools.protoc -I protos --plugin=protoc-gen-mypy=$(BIN)/protoc-gen-mypy \
	    --plugin=protoc-gen-mypy_grpc=$(BIN)/protoc-gen-mypy_grpc --python_out=. --grpc_python_out=. \
	    --mypy_out=. --mypy_grpc_out=. protos/psi/proto/v1/*.proto

# How fast files are read; writes benchmarks/out/ingest.json.
bench-ingest: setup
	@$(BIN)/python -m psi_bench.ingest

# What the kernels cost; writes benchmarks/out/kernel.json.
bench-kernel: setup
	@$(BIN)/python -m psi_bench.kernel

# A million random operations, every kernel against the portable one.
test-kernels: setup
	@OVERLAP_TEST_OPERATIONS=1000000 $(BIN)/python -m pytest -q tests/kernel/test_kernels_agree.py

docs: setup
	@$(BIN)/python -m psi_cli._docs > docs/commands.md

wheel: setup
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# Memcheck with poisoned secrets (Debian: apt-get install valgrind); about a minute.
constant-time:
	@bash tests/constant_time/run

# N indicators on each side, half of them shared.
N ?= 1048576
bench-check: setup
	@$(BIN)/python -m psi_bench.check -n $(N)

clean:
	rm -rf build dist *.egg-info $(VENV)
