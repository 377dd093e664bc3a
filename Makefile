# make run                runs a pipeline of each task, and asks both models
# make run TASK=NAME      runs a task on its default data
# make test               lint and all tests;  make check  the fast tests alone
# make lint               style, types, imports, the settings page
# make docs               writes the pages that are made of the code
# make wheel              the source distribution and the wheel, into dist/
# make image              the container image;  make image GPU=1 IMAGE=NAME  with CUDA
# make setup              .venv alone, which all of these set up if it is missing; GENERATION=1.16
#                         or 1.21 insists on one generation of the stack, here and with the others
# make test-generation    make test of the newer generation, on a machine too old for it
# make test-others        other people's programs: Beam's runner Prism, clients in Node and Go; builds
#                         what is missing with Go, into the user's cache folder
# make constraints        resolves the pins of both generations anew
# make doctor             what is missing on this machine;  make clean  removes what make has made
PYTHON_BIN := .venv/bin
OUTPUT ?= runs
IMAGE ?= tidegate

.PHONY: setup run test check test-generation test-others lint docs constraints wheel image doctor clean

setup:
	@sh bootstrap.sh

ifdef TASK
run: setup
	@stated=$$($(PYTHON_BIN)/tidegate tasks $(TASK)) && \
		data=$$(echo "$$stated" | sed -n '1s/.*(try --data \(.*\))$$/\1/p') && \
		set -x && $(PYTHON_BIN)/tidegate run $(TASK) --data $$data --output $(OUTPUT)/$$data
else
run: setup
	$(PYTHON_BIN)/tidegate run text_classification --data languages --output $(OUTPUT)/languages
	$(PYTHON_BIN)/tidegate run forecasting --data climate --output $(OUTPUT)/climate
	@echo "Both models, served for a moment and asked over gRPC:"
	$(PYTHON_BIN)/tidegate predict text_classification --models $(OUTPUT)/languages/serving \
		--text Donaudampfschiff --text 天安门
	$(PYTHON_BIN)/tidegate predict forecasting --models $(OUTPUT)/climate/serving \
		--file "$$($(PYTHON_BIN)/tidegate data get climate)"
endif

# A process a core. Which tests stay together, and what comes first, is in tests/distribution.py. What
# is skipped is said.
PYTEST := $(PYTHON_BIN)/pytest -rfEs --numprocesses logical --dist loadfile --no-loadscope-reorder

test: setup lint
	$(PYTEST)

check: setup
	$(PYTEST) -m "not slow"

test-generation:
	@sh tests/generation/newer.sh

# Java and Rust: .venv/bin/pytest tests/others -k "java or rust"
test-others: setup
	@$(PYTHON_BIN)/python -m tests.others.programs
	$(PYTHON_BIN)/pytest -rs -s tests/others tests/beam/test_prism.py -k "not java and not rust"

lint: setup
	$(PYTHON_BIN)/ruff check .
	$(PYTHON_BIN)/ruff format --check .
	$(PYTHON_BIN)/mypy
	$(PYTHON_BIN)/lint-imports
	@$(PYTHON_BIN)/tidegate tasks --markdown | diff docs/settings.md - || \
		{ echo "docs/settings.md is not current; mend with: make docs"; exit 1; }

docs: setup
	$(PYTHON_BIN)/tidegate tasks --markdown > docs/settings.md

# Exact versions, each as it is where it still fits; UPGRADE=1 takes the newest. The newer
# generation's file serves three Pythons.
PINS := uv pip compile setup.py - --extra kubeflow --extra gpu --extra test --quiet --no-header \
	--no-annotate --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)
constraints: setup
	echo uv | $(PYTHON_BIN)/$(PINS) --python-version 3.10 --python-platform x86_64-manylinux_2_31 \
		--output-file constraints/tfx-1.16.txt
	echo uv | $(PYTHON_BIN)/$(PINS) --python-version 3.11 --universal \
		--output-file constraints/tfx-1.21.txt

# The source distribution, and the wheel from it. Without what an earlier build has left, which
# would be packed too.
wheel: setup
	rm -rf build dist
	$(PYTHON_BIN)/python -c "from setuptools.build_meta import build_sdist; build_sdist('dist')" >/dev/null
	$(PYTHON_BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --no-index \
		--wheel-dir dist dist/*.tar.gz

image:
	docker build --tag $(IMAGE) $(if $(GPU),--build-arg GPU=1) \
		$(if $(filter 1.16,$(GENERATION)),--build-arg PYTHON=3.10 --build-arg GENERATION=1.16) .

doctor:
	@sh bootstrap.sh --doctor

clean:
	rm -rf .venv .venv-1.16 .venv-1.21 build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
