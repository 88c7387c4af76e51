# The front door. Every target sets up what it needs in .venv; PYTHON chooses the interpreter (3.10 to 3.13).
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python
PIP    := PATH="$(abspath $(VENV))/bin:$$PATH" $(PY) -m pip --quiet --disable-pip-version-check
DEMO   ?= --episodes 10
TESTS  ?= tests

# What the installed package is made of: a change in any of these installs it again.
SOURCES := $(shell find csrc firmware models python -type f -not -name '*.so' -not -name '*.pyc' 2>/dev/null) \
           CMakeLists.txt pyproject.toml README.md LICENSE

.DEFAULT_GOAL := help
.PHONY: help demo test bench sanitize lint format wheel clean system-packages minimums mutants
.DELETE_ON_ERROR:

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/.sim  ## drive the simulated arm from the shipped checkpoint and write a report (DEMO="--episodes 3")
	$(VENV)/bin/motorium demo $(DEMO)

test: lint $(VENV)/.lerobot  ## lint, then every test (TESTS=tests/cli for a part)
	$(PY) -m pytest $(TESTS)

bench: $(VENV)/.bench  ## kernels, ring, bus and engine against their peers (best on a machine that does nothing else)
	$(PY) -m pytest tests/bench/micro_kernels.py --benchmark-columns=median,iqr,ops
	$(VENV)/bin/motorium bench ring
	$(VENV)/bin/motorium bench bus
	$(VENV)/bin/motorium bench kernels
	$(VENV)/bin/motorium bench engine

# Engine, kernels and their Python tests with instruments; minutes, so `make test` has a short form of it.
SANITIZE := -O1 -g1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
SANITIZED_TESTS ?= tests/engine/test_denoiser.py tests/engine/test_engine.py tests/engine/test_engine_options.py \
                   tests/kernels tests/golden tests/runtime/test_slot_map.py \
                   --deselect tests/kernels/test_units.py::test_no_code_of_a_unit_can_be_picked_for_another

# Resumable: what is known of unchanged files is kept in build/mutants. MUTANTS="limits guard" for a part.
mutants: $(VENV)/.test  ## plant small errors in the portable core, and count those that its tests notice (about ten minutes)
	$(PY) tests/firmware/mutants.py $(MUTANTS) --alive $(if $(MUTANTS),,--json docs/mutants.json)

sanitize: $(VENV)/.test  ## the engine's tests under AddressSanitizer and UBSan (gcc; about ten minutes)
	PATH="$(abspath $(VENV))/bin:$$PATH" cmake -S . -B build/sanitize-python -DCMAKE_BUILD_TYPE=None \
	  -DCMAKE_C_FLAGS="$(SANITIZE)" -DCMAKE_CXX_FLAGS="$(SANITIZE)" -DCMAKE_INSTALL_PREFIX=build/sanitize-python/site
	$(VENV)/bin/cmake --build build/sanitize-python --parallel 2
	rm -rf build/sanitize-python/site && mkdir -p build/sanitize-python/site
	cp -r python/motorium build/sanitize-python/site/motorium && rm -f build/sanitize-python/site/motorium/_core*.so
	$(VENV)/bin/cmake --install build/sanitize-python > /dev/null
	ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 PYTHONPATH=build/sanitize-python/site \
	  LD_PRELOAD="$$($${CXX:-c++} -print-file-name=libasan.so) $$($${CXX:-c++} -print-file-name=libubsan.so)" \
	  $(PY) -m pytest $(SANITIZED_TESTS) -p no:cacheprovider
	PATH="$(abspath $(VENV))/bin:$$PATH" cmake -S tests/engine/native -B build/sanitize -DCMAKE_BUILD_TYPE=None \
	  -DCMAKE_CXX_FLAGS="$(SANITIZE)"
	$(VENV)/bin/cmake --build build/sanitize --parallel 2
	build/sanitize/selftest && build/sanitize/families

system-packages: $(VENV)/.test  ## offer what some tests and benches use of the operating system; asks before it uses root
	$(PY) tools/system_packages.py $(ONLY)

minimums: $(VENV)/.created  ## install each extra at its oldest declared versions, in environments of their own, and try it
	$(PY) tools/try_minimums.py $(ONLY)

lint: $(VENV)/.test  ## ruff, mypy --strict, clang-format and the floors
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	find csrc firmware -name '*.[ch]' -o -name '*.[ch]pp' | xargs $(VENV)/bin/clang-format --dry-run -Werror
	$(VENV)/bin/lint-imports

format: $(VENV)/.test  ## rewrite sources in the house style
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
	find csrc firmware -name '*.[ch]' -o -name '*.[ch]pp' | xargs $(VENV)/bin/clang-format -i

wheel: $(VENV)/.created  ## build dist/motorium-*.whl
	$(PIP) wheel --no-build-isolation --no-deps --wheel-dir dist .

clean:  ## remove everything these targets made
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find csrc firmware python tests examples tools -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.created:
	$(PYTHON) tools/check_python.py
	$(PYTHON) -m venv $(VENV)
	@$(PY) tools/build_requirements.py | $(PIP) install --requirement /dev/stdin
	@touch $@

$(VENV)/.sim: $(VENV)/.created $(SOURCES)
	@echo "Building and installing motorium (a minute or two) ..."
	@$(PIP) install --no-build-isolation ".[sim]"
	$(PY) tools/system_libs.py
	@touch $@

# Also satisfies .sim; warnings of the compiler are errors here.
$(VENV)/.test: $(VENV)/.created $(SOURCES)
	@echo "Building and installing motorium with its test tools (a minute or two) ..."
	@$(PIP) install --no-build-isolation --config-settings=cmake.define.MOTORIUM_WERROR=ON ".[sim,data,test]"
	$(PY) tools/system_libs.py
	@touch $(VENV)/.sim $@

$(VENV)/.torch: $(VENV)/.test
	$(PY) tools/install_torch.py
	@touch $@

# The real LeRobot, in a folder of its own that only the tests of datasets look into.
$(VENV)/.lerobot: $(VENV)/.torch tools/install_lerobot.py
	$(PY) tools/install_lerobot.py $(VENV)/lerobot
	@touch $@

$(VENV)/.bench: $(VENV)/.torch
	@$(PIP) install "pytest-benchmark>=5" "ftservo-python-sdk==2.0.1" "dynamixel-sdk==4.1.0"
	@touch $@
