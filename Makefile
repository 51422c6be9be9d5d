# Targets explain themselves: `make help` prints the text after ##. Works with GNU make 3.81 and later.
PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= auto

BIN := $(VENV)/bin
# On Linux, PyPI's torch brings gigabytes of CUDA; PyTorch's own index has the same version for the CPU, and pip prefers
# it (a local version sorts higher). Where that index cannot be reached, pip takes what its own configuration offers.
TORCH_CPU := https://download.pytorch.org/whl/cpu
PROBE := import urllib.request; urllib.request.urlopen("$(TORCH_CPU)/torch/", timeout=5)
PIP_INSTALL := index=""; \
	if [ "`uname -s`" = Linux ] && $(BIN)/python -c '$(PROBE)' 2>/dev/null; then index="--extra-index-url $(TORCH_CPU)"; fi; \
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt $$index
C_SOURCES := $(shell find runtime targets tests examples -name '*.[ch]' 2>/dev/null)

.DEFAULT_GOAL := help
.PHONY: help demo test tiny lint format docs wheel clean

help: ## Show this list.
	@sed -n 's/^\([a-z][a-z-]*\):[^#]*## */\1	/p' Makefile | while IFS='	' read -r name text; do printf '  make %-8s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.installed ## Train, quantize, compile and run scikit-learn's digits on an emulated Cortex-M4, with a report.
	@test -f build/demo/toolkit.toml || $(BIN)/toolkit init build/demo --recipe digits-ternary --quiet
	@$(BIN)/toolkit make --project build/demo

test: tiny ## Run all tests. Those that need a system program skip and name the line that installs it.
	@OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) --dist worksteal --ignore tests/test_tiny.py

tiny: $(VENV)/.installed-dev ## Run the one-minute smoke test: model, C, emulated core, equal to the bit.
	@$(BIN)/python -m pytest -q tests/test_tiny.py

lint: $(VENV)/.installed-dev ## Check style and types: ruff, mypy, clang-format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(C_SOURCES)

format: $(VENV)/.installed-dev ## Format Python and C.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/clang-format -i $(C_SOURCES)

docs: $(VENV)/.installed-dev ## Build the documentation into site/.
	$(BIN)/mkdocs build --strict

wheel: $(VENV)/.installed-dev ## Build the wheel into dist/.
	$(BIN)/python -m pip wheel --disable-pip-version-check --no-deps --wheel-dir dist .

clean: ## Remove what was built; .venv stays.
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "error: $(PYTHON) is missing or older than Python 3.11" >&2; \
	  echo "  fix: install Python 3.11 or later, or name one: make PYTHON=python3.12" >&2; exit 3; }
	@$(PYTHON) -m venv $(VENV) || { echo "  fix: on Debian and Ubuntu, apt-get install python3-venv" >&2; exit 3; }

$(VENV)/.installed: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing into $(VENV): torch is about 200 MB the first time"
	@$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: $(BIN)/python pyproject.toml constraints.txt
	@$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed
