# `make run` and `make test` are all that a newcomer needs; both set up what is missing.
PYTHON_BIN := .venv/bin
OUTPUT ?= runs
IMAGE ?= tidegate

.PHONY: setup run test check lint docs-settings wheel image doctor clean

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

# A process a core. Which tests stay together, and what comes first, is in tests/distribution.py.
PYTEST := $(PYTHON_BIN)/pytest --numprocesses logical --dist loadfile --no-loadscope-reorder

test: setup lint
	$(PYTEST)

check: setup
	$(PYTEST) -m "not slow"

lint: setup
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/mypy
	$(PYTHON_BIN)/lint-imports
	@$(PYTHON_BIN)/tidegate tasks --markdown | diff docs/settings.md - || \
		{ echo "docs/settings.md is not current; mend with: make docs-settings"; exit 1; }

docs-settings: setup
	$(PYTHON_BIN)/tidegate tasks --markdown > docs/settings.md

# Without what an earlier build has left, which would be packed too.
wheel: setup
	rm -rf build dist
	$(PYTHON_BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

# `make image GPU=1 IMAGE=registry/tidegate:gpu` for one with CUDA.
image:
	docker build --tag $(IMAGE) $(if $(GPU),--build-arg GPU=1) .

doctor:
	@sh bootstrap.sh --doctor

clean:
	rm -rf .venv build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
