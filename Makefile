# Two commands are enough on a new machine: `make demo` and `make test`.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin

.PHONY: install demo test soak e2e lint bench bench-full lock

install: .venv/installed

.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed; name it: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install
	$(BIN)/usage-pipeline demo

test: lint
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder

# Crashes, restarts and crowds with the real daemon, for a quarter of an hour or so.
soak: install
	$(BIN)/pytest -m soak

# The pages of `usage-pipeline dev` in a real browser.
e2e: install
	usage_pipeline_tests/e2e/install-browser
	$(BIN)/pytest -m e2e

lint: install
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

# Every goal in ten minutes or so, with smaller numbers than `bench-full`, which takes hours.
bench: install
	$(BIN)/python -m benchmarks quick

bench-full: install
	$(BIN)/python -m benchmarks full

# After a change of dependencies in pyproject.toml; needs uv.
lock:
	uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --no-strip-extras \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" \
		--quiet --upgrade --output-file requirements.lock
