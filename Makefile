# `make run` and `make test` are all that a newcomer needs; both set up what is missing.
PYTHON_BIN := .venv/bin
OUTPUT ?= runs

.PHONY: setup run test check lint doctor clean

setup:
	@sh bootstrap.sh

run: setup
	$(PYTHON_BIN)/tidegate run text_classification --data languages --output $(OUTPUT)/languages

test: setup lint
	$(PYTHON_BIN)/pytest

check: setup
	$(PYTHON_BIN)/pytest -m "not slow"

lint: setup
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/mypy
	$(PYTHON_BIN)/lint-imports

doctor:
	@sh bootstrap.sh --doctor

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache
