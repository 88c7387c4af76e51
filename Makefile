# The front door. Every target sets up what it needs in .venv; PYTHON chooses the interpreter (3.10 to 3.13).
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
TOOLS  := PATH="$(abspath $(VENV))/bin:$$PATH"
PIP    := $(TOOLS) $(PY) -m pip --quiet --disable-pip-version-check
DEMO   ?= --episodes 10
TESTS  ?= tests
# Two processes on any machine: more of them, and arms that are driven by the clock take the processor from each other.
# WORKERS= runs the tests one after the other.
WORKERS ?= --numprocesses 2 --dist loadgroup

# What the installed package is made of: a change in any of these installs it again. README.md and LICENSE are in the
# wheel too, but a word in them is no reason to build.
SOURCES := $(shell find csrc firmware models python -type f -not -name '*.so' -not -name '*.pyc' 2>/dev/null) \
           CMakeLists.txt pyproject.toml
NATIVE  := find csrc firmware -name '*.[ch]' -o -name '*.[ch]pp'

# In place: the sources, the extension beside them, and what pip would have noted about the package.
DEV      := build/dev
IN_PLACE := PYTHONPATH=python:$(DEV)/site $(PY)

# Of the tests, those that need no arm, no simulator and no clock.
PURE ?= tests/arch tests/specs tests/timeline tests/hands tests/kernels/test_units.py tests/compat/test_whole.py \
        tests/policies/test_binding.py tests/policies/test_checkpoints.py tests/robots/test_calibration.py

.DEFAULT_GOAL := help
.PHONY: help demo test bench dev check nightly sanitize lint format wheel clean system-packages minimums mutants
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.sim  ## drive the simulated arm from the shipped checkpoint and write a report (DEMO="--episodes 3")
	$(VENV)/bin/motorium demo $(DEMO)

dev: $(DEV)/.configured  ## build the extension beside the sources, for this machine's instruction set alone
	@$(VENV)/bin/cmake --build $(DEV)

check: dev lint  ## lint, types, floors and the tests that need no arm and no clock, on the sources as they are
	$(IN_PLACE) -m pytest $(PURE) -q --numprocesses 2 --dist loadgroup

test: tests-exist test-tools  ## lint, then every test that is not for the night (TESTS=tests/cli for a part)
	$(PY) -m pytest $(TESTS) $(WORKERS)

# What only one processor can do goes beside the build: torch and LeRobot, where TESTS use them, and lint.
.PHONY: tests-exist test-tools beside-the-build
tests-exist:
	@$(PYTHON) tools/test_needs.py $(TESTS) > /dev/null
test-tools: $(VENV)/.tools
	@$(MAKE) --no-print-directory --jobs 2 $(VENV)/.test beside-the-build
beside-the-build: $(VENV)/.tools
	@$(MAKE) --no-print-directory $< $(addprefix $(VENV)/.,$(shell $(PYTHON) tools/test_needs.py $(TESTS))) && \
	$(MAKE) --no-print-directory lint

nightly: $(VENV)/.lerobot  ## what takes too long for `make test`, with a table at the end (PART="fuzz qemu", JSON=1)
	$(TOOLS) $(PY) tools/nightly.py $(PART) $(if $(JSON),--json)

bench: $(VENV)/.bench  ## kernels, ring, bus and engine against their peers (best on a machine that does nothing else)
	$(PY) -m pytest tests/bench/micro_kernels.py --benchmark-columns=median,iqr,ops
	$(VENV)/bin/motorium bench ring
	$(VENV)/bin/motorium bench bus
	$(VENV)/bin/motorium bench kernels
	$(VENV)/bin/motorium bench engine

# Engine, kernels and their Python tests with instruments; minutes, so `make test` has a short form of it.
SANITIZE := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZED_TESTS ?= tests/engine/test_denoiser.py tests/engine/test_engine.py tests/engine/test_engine_options.py \
                   tests/kernels tests/golden tests/robots/test_slot_map.py \
                   --deselect tests/kernels/test_units.py::test_no_code_of_a_unit_can_be_picked_for_another

# Resumable: what is known of unchanged files is kept in build/mutants. MUTANTS="limits guard" for a part.
mutants: $(VENV)/.test  ## plant small errors in the portable core, and count those that its tests notice (about ten minutes)
	$(PY) tests/firmware/mutants.py $(MUTANTS) --alive $(if $(MUTANTS),,--json docs/mutants.json)

sanitize: $(VENV)/.test  ## the engine's tests under AddressSanitizer and UBSan (gcc; about ten minutes)
	$(TOOLS) cmake -S . -B build/sanitize-python -DCMAKE_BUILD_TYPE=None \
	  -DCMAKE_C_FLAGS="$(SANITIZE)" -DCMAKE_CXX_FLAGS="$(SANITIZE)" -DCMAKE_INSTALL_PREFIX=build/sanitize-python/site
	$(VENV)/bin/cmake --build build/sanitize-python --parallel 2
	rm -rf build/sanitize-python/site && mkdir -p build/sanitize-python/site
	cp -r python/motorium build/sanitize-python/site/motorium && rm -f build/sanitize-python/site/motorium/_core*.so
	$(VENV)/bin/cmake --install build/sanitize-python > /dev/null
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=build/sanitize-python/site \
	  LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libubsan.so)" \
	  $(PY) -m pytest $(SANITIZED_TESTS) -p no:cacheprovider
	$(TOOLS) cmake -S tests/engine/native -B build/sanitize -DCMAKE_BUILD_TYPE=None \
	  -DCMAKE_CXX_FLAGS="$(SANITIZE)"
	$(VENV)/bin/cmake --build build/sanitize --parallel 2
	build/sanitize/selftest && build/sanitize/families

system-packages:  ## offer what some tests and benches use of the operating system; asks before it uses root (YES=1: never asks)
	@YES=$(YES) PYTHONPATH=python $(PYTHON) tools/system_packages.py $(ONLY)

minimums: $(VENV)/.created  ## install each extra at its oldest declared versions, in environments of their own, and try it
	$(PY) tools/try_minimums.py $(ONLY)

lint: $(VENV)/.tools  ## ruff, mypy --strict, clang-format, floors and repeated code
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(NATIVE) | xargs $(VENV)/bin/clang-format --dry-run -Werror
	PYTHONPATH=python $(VENV)/bin/lint-imports
	$(if $(wildcard tools/duplicates.py),$(PY) tools/duplicates.py)

format: $(VENV)/.tools  ## rewrite sources in the house style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	$(NATIVE) | xargs $(VENV)/bin/clang-format -i

wheel: $(VENV)/.created  ## build dist/motorium-*.whl
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .

clean:  ## remove everything these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find csrc firmware python tests examples tools -name __pycache__ -type d -prune -exec rm -rf {} +
	rm -f python/motorium/_core*.so

$(VENV)/.created:
	$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	@$(PY) tools/requirements.py --build | $(PIP) install --requirement /dev/stdin
	@touch $@

$(VENV)/.sim: $(VENV)/.created $(SOURCES)
	@echo "Building and installing motorium (a minute or two) ..."
	@$(PIP) install --no-build-isolation ".[sim]"
	$(PY) tools/system_libs.py
	@touch $@

# What the tests and their tools import, without the package itself.
$(VENV)/.tools: $(VENV)/.created pyproject.toml tools/requirements.py
	@echo "Installing the test tools ..."
	@$(PY) tools/requirements.py sim data test | $(PIP) install --no-compile --requirement /dev/stdin
	@touch $@

# Also satisfies .sim; warnings of the compiler are errors here.
$(VENV)/.test: $(VENV)/.tools $(SOURCES)
	@echo "Building and installing motorium (a minute or two) ..."
	@$(PIP) install --no-build-isolation --no-deps --config-settings=cmake.define.MOTORIUM_WERROR=ON .
	$(PY) tools/system_libs.py
	@touch $(VENV)/.sim $@

$(DEV)/.configured: $(VENV)/.tools pyproject.toml
	@$(TOOLS) cmake -S . -B $(DEV) -G Ninja -DMOTORIUM_INPLACE=ON -DMOTORIUM_WERROR=ON -DMOTORIUM_ISAS=native > /dev/null
	@rm -rf $(DEV)/site && mkdir -p $(DEV)/site
	@$(TOOLS) $(PY) -c "from scikit_build_core.build import prepare_metadata_for_build_wheel as p; p('$(DEV)/site')" > /dev/null
	@touch $@

$(VENV)/.torch: $(VENV)/.created
	$(PY) tools/install_torch.py
	@touch $@

# The real LeRobot, in a folder of its own that only the tests of datasets look into.
$(VENV)/.lerobot: $(VENV)/.torch tools/install_lerobot.py
	$(PY) tools/install_lerobot.py $(VENV)/lerobot
	@touch $@

$(VENV)/.bench: $(VENV)/.test $(VENV)/.torch
	@$(PIP) install "pytest-benchmark>=5" "ftservo-python-sdk==2.0.1" "dynamixel-sdk==4.1.0"
	@touch $@
