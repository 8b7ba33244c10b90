# Everything is installed in .venv beside this file, and nothing anywhere else.
#
#   make run       set up, then serve http://localhost:8000 (HOST, PORT, DATABASE_URL, ADMIN_PASSWORD)
#   make test      set up, then run the whole test suite with coverage
#                  with nginx, caddy, haproxy and clients in JavaScript, which it installs as root on Debian
#   make quick     the tests that need no server, in less than two minutes
#   make test-all  the test suite on every Python from 3.11 to 3.13 that is installed
#   make test-django  the tests of Django, Django REST framework and ninja with Django 6, on Python 3.12 or newer
#   make test-oldest  the test suite with the oldest versions of what we need that pyproject.toml allows
#   make lint      ruff, mypy --strict, the import rules of the rooms
#   make format    format the code and mend what ruff can mend
#   make bench     measure against the peers; prints ratios, writes bench/results/
#   make simulate  how long a logout takes to hold on 10 to 10,000 nodes; writes bench/results/, docs/scaling.md
#   make soak      servers, databases and Redis killed, frozen and cut off under load, for SOAK_SECONDS (600)
#   make fuzz      two minutes of coverage-guided fuzzing (FUZZ_SECONDS) of all that reads untrusted input
#   make mutants   break jose/ and the Verifier in thousands of ways, list what no test notices; takes hours
#                  (MUTANTS='watchword.jose.header*' for a part; `mutmut show NAME` tells what was changed)
#   make constraints  pin the newest versions of what we need, with their hashes
#   make clean     remove the environments and what the tools have left

ifndef PYTHON
PYTHON := $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
endif
ifeq ($(PYTHON),)
$(error Watchword needs Python 3.11 or newer; name it with `make PYTHON=/path/to/python`)
endif

VENV := .venv
BIN := $(VENV)/bin

ifneq ($(shell command -v uv 2>/dev/null),)
CREATE := uv venv --quiet --allow-existing --python "$(PYTHON)" $(VENV)
INSTALL := uv pip install --quiet --python $(BIN)/python
else
CREATE := "$(PYTHON)" -m venv $(VENV)
INSTALL := $(BIN)/python -m pip --disable-pip-version-check install --quiet
endif

.PHONY: run quick test test-all test-django test-oldest lint format bench simulate soak fuzz mutants constraints clean

run: $(VENV)/.run
	@exec $(BIN)/watchword serve

# Two processes. The tests of a file run in the same process, so that they share the servers that they start.
PYTEST := -m pytest -q --numprocesses 2 --dist loadfile

quick: $(VENV)/.dev
	$(BIN)/python $(PYTEST) -m "not slow"

test: $(VENV)/.dev parts
	@$(BIN)/coverage erase
	$(BIN)/coverage run $(PYTEST)
	@$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

# Sets the shell's variable python to the Python of a version, or to nothing.
FIND_PYTHON = python=$$(command -v python$$version) && $$python -c '' 2>/dev/null || \
	python=$$(ls $$HOME/.pyenv/versions/$$version.*/bin/python 2>/dev/null | tail -n 1)

test-all:
	@for version in 3.11 3.12 3.13; do \
		$(FIND_PYTHON); \
		if [ -z "$$python" ]; then echo "-- Python $$version is not installed"; continue; fi; \
		echo "-- Python $$version"; \
		$(MAKE) --no-print-directory VENV=.venv-$$version PYTHON=$$python pytest || exit 1; \
	done

# Django 6 needs Python 3.12, so an environment on Python 3.11 has Django 5.2. The pinned versions have both.
TESTS_OF_DJANGO := tests/adapters tests/cli tests/diagnosis tests/docs tests/examples tests/testing tests/web/django
test-django:
	@for version in 3.13 3.12; do $(FIND_PYTHON); [ -z "$$python" ] || break; done; \
	if [ -z "$$python" ]; then \
		echo "-- Django 6 was not tested: it needs Python 3.12 or newer, and none is installed"; \
		[ "$$CI" != true ]; \
	else \
		echo "-- Django 6 on $$($$python --version)"; \
		$(MAKE) --no-print-directory VENV=.venv-django PYTHON=$$python django; \
	fi

.PHONY: django
django: $(VENV)/.dev
	$(BIN)/python -c 'import django; assert django.VERSION >= (6,), django.VERSION'
	$(BIN)/python $(PYTEST) -k "django or drf or ninja" $(wildcard $(TESTS_OF_DJANGO))

test-oldest:
	@$(MAKE) --no-print-directory VENV=.venv-oldest oldest
	@$(MAKE) --no-print-directory VENV=.venv-oldest pytest

.PHONY: pytest oldest parts
pytest: $(VENV)/.dev parts
	$(BIN)/python $(PYTEST)

# What tests need besides wheels. It is quick where nothing is missing, and never fails.
parts: $(VENV)/.dev
	@$(BIN)/python tests/services/install_parts.py

oldest: $(VENV)/.dev
	$(INSTALL) --require-hashes --no-deps -r constraints/oldest.txt

lint: $(VENV)/.dev
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.bench
	$(BIN)/python bench/run.py

simulate: $(VENV)/.dev
	$(BIN)/python bench/simulate_revocation.py

SOAK_SECONDS ?= 600
soak: $(VENV)/.dev
	SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/python -m pytest tests/faults

FUZZ_SECONDS ?= 120
fuzz: $(VENV)/.proof
	$(BIN)/python fuzz/run.py --seconds $(FUZZ_SECONDS)

# mutmut assigns no test to code that runs at the import of the package. So all tests run for what is left.
TESTS_OF_MUTANTS := tests/jose tests/jwt
mutants: $(VENV)/.proof
	$(BIN)/mutmut run $(MUTANTS)
	@$(BIN)/mutmut results | sed -n 's/^ *\(watchword[^:]*\): \(survived\|no tests\)$$/\1/p' | (cd mutants && while read -r mutant; do \
		! MUTANT_UNDER_TEST=$$mutant PYTHONPATH=src ../$(BIN)/python -m pytest -q -x $(TESTS_OF_MUTANTS) \
			</dev/null >/dev/null 2>&1 || echo "survived: $$mutant"; done)

# The pinned versions with their hashes. The files name no index, so pip uses the index of its user.
COMPILE := $(BIN)/uv pip compile pyproject.toml --quiet --upgrade --universal --python-version 3.11 --extra server \
	--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate
EXTRAS := --extra otel --extra postgres --extra redis --extra remote --extra flask --extra fastapi --extra drf --extra ninja --extra mcp
constraints: $(VENV)/.dev
	$(INSTALL) uv
	$(COMPILE) --group build -o constraints/run.txt
	$(COMPILE) $(EXTRAS) --resolution lowest-direct -o constraints/oldest.txt
	$(COMPILE) $(EXTRAS) --group dev -o constraints/dev.txt
	$(COMPILE) $(EXTRAS) --group bench --constraints constraints/dev.txt -o constraints/bench.txt
	$(COMPILE) $(EXTRAS) --group proof --constraints constraints/dev.txt -o constraints/proof.txt

clean:
	rm -rf $(VENV) .venv-* tests/interop/node_modules mutants .coverage* .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	$(CREATE)

# --no-deps: the files pin everything, and pip finds no pin for a requirement with extras, such as pydantic[email].
$(VENV)/.run: constraints/run.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes --no-deps -r constraints/run.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: constraints/dev.txt pyproject.toml | $(BIN)/python
	$(INSTALL) --require-hashes --no-deps -r constraints/dev.txt
	$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.run

$(VENV)/.bench: constraints/bench.txt | $(VENV)/.dev
	$(INSTALL) --require-hashes --no-deps -r constraints/bench.txt
	@touch $@

$(VENV)/.proof: constraints/proof.txt | $(VENV)/.dev
	$(INSTALL) --require-hashes --no-deps -r constraints/proof.txt
	@touch $@
