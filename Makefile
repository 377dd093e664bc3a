# `make run` and `make test` are all that a newcomer needs; both set up what is missing.
PYTHON_BIN := .venv/bin
OUTPUT ?= runs

.PHONY: setup run test check lint doctor clean

setup:
	@sh bootstrap.sh

run: setup
	$(PYTHON_BIN)/tidegate run text_classification --data languages --output $(OUTPUT)/languages
	$(PYTHON_BIN)/tidegate run forecasting --data climate --output $(OUTPUT)/climate
	@echo "Both models, served for a moment and asked over gRPC:"
	$(PYTHON_BIN)/tidegate predict text_classification --models $(OUTPUT)/languages/serving \
		--text Donaudampfschiff --text 天安门
	$(PYTHON_BIN)/tidegate predict forecasting --models $(OUTPUT)/climate/serving \
		--file "$$($(PYTHON_BIN)/tidegate data get climate)"

# A process a core; the tests of a file stay together, as they share what is dear to make.
PYTEST := $(PYTHON_BIN)/pytest --numprocesses logical --dist loadfile

test: setup lint
	$(PYTEST)

check: setup
	$(PYTEST) -m "not slow"

lint: setup
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/mypy
	$(PYTHON_BIN)/lint-imports

doctor:
	@sh bootstrap.sh --doctor

clean:
	rm -rf .venv build *.egg-info .mypy_cache .pytest_cache .ruff_cache
