# Everything runs from a fresh clone with Python 3.11 to 3.13 and make:
#
#   make demo            train a network on real digits and watch its gradients
#   make test            format, lint and types, then the whole test suite
#   make test TORCH=1    the same, with the comparisons against PyTorch
#   make learn           the lessons of docs/learn as pages, and three explained nets: out/learn
#   make bench           speed against PyTorch and JAX; writes out/bench-*.json
#   make check           what is quick: format, lint, types, architecture
#   make format          let ruff rewrite what `make check` complains about
#
# Stamp files in .venv remember what is installed: the second run installs nothing.

PYTHON ?= python3
PYTEST_ARGS ?=
BENCH_ARGS ?=
TORCH_VERSION := torch==2.13.0
TORCH_EXTRAS := expecttest torchmetrics # PyTorch's databases of samples import one; the other is compared with

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check --quiet

.PHONY: demo learn test bench check lint types architecture format clean
.DELETE_ON_ERROR:

demo: $(VENV)/.demo
	$(PY) -m zincir.demo

learn: $(VENV)/.learn
	$(PY) docs/learn/build.py

test: lint types $(if $(TORCH),$(VENV)/.torch)
	$(PY) -m pytest -n auto -q $(PYTEST_ARGS)

bench: $(VENV)/.bench $(VENV)/.torch
	$(PY) -m benchmarks $(BENCH_ARGS)

check: lint types architecture

lint: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/pyright --pythonpath $(PY)

architecture: $(VENV)/.test
	$(PY) -m pytest -q tests/architecture

format: $(VENV)/.test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) build dist out .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14) and "Zincir needs Python 3.11 to 3.13; name one with: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo $(VENV)/.learn $(VENV)/.test $(VENV)/.bench: $(VENV)/.%: pyproject.toml | $(PY)
	@echo "installing what make $* needs into $(VENV)"
	$(PIP) install -e '.[$*]'
	touch $@

$(VENV)/.torch: Makefile | $(PY)
	@echo "installing PyTorch into $(VENV), for comparison"
	$(PIP) install '$(TORCH_VERSION)' $(TORCH_EXTRAS)
	touch $@
