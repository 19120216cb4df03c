# The only entry: each target makes the virtual environment it needs from git, make and Python >= 3.11.
#
#   make demo [BACKEND=url]   the back office of a web shop, on real input
#   make test                 unit, conformance, typing, acceptance, documentation and wheel tests
#   make check                format, lint, types, layers
#   make docs                 the documentation, into docs/_build/html
#   make bench [QUICK=1]      the benchmarks
#
# BACKEND and QUICK reach the programs as environment variables, as make hands them on. Beside these: venv,
# test-pythons (unit and conformance tests on the other Pythons found), test-suite (the tests of the conformance suite
# itself), certify (the longer tier of the tests), format, clean.

PYTHON = .venv/bin/python
PYTEST = $(PYTHON) -m pytest

# Two workers whatever the machine has, so that a race seen in CI is seen at home.
PARALLEL = -n 2

# The suite's own tests take longer than a push may; `make test-suite` runs them, and `make certify` their longer tier.
SUITE = tests/conformance/engine tests/conformance/history tests/conformance/machines tests/conformance/wire \
	tests/conformance/zoo tests/conformance/test_filebox.py tests/conformance/test_filebox_deaths.py \
	tests/conformance/test_filebox_trouble.py
OWN = $(addprefix --ignore=,$(SUITE))
# What `make certify` runs apart: the zoo, on examples of quick size, and what the command line certifies with a report.
ELSEWHERE = $(addprefix --ignore=tests/conformance/,zoo test_memory.py test_sqlite.py test_filebox.py wire/test_certified.py)

.PHONY: demo test check docs bench venv certify format clean \
	test-unit test-conformance test-suite test-typing test-acceptance test-docs test-wheel test-pythons

demo: .venv/.complete
	@$(PYTHON) -m examples.shop

test: test-unit test-conformance test-typing test-acceptance test-docs test-wheel

check: .venv/.complete
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTEST) tests/typing

docs: .venv/.complete
	$(PYTHON) scripts/conformance_matrix.py
	$(PYTHON) -m sphinx --fail-on-warning --keep-going --fresh-env --jobs auto docs docs/_build/html

bench: .venv/.complete
	$(PYTHON) -m benchmarks

venv: .venv/.complete

test-unit: .venv/.complete
	@rm -f .coverage .coverage.*
	$(PYTEST) tests/unit $(PARALLEL) --cov --cov-report=
	$(PYTHON) -m coverage report --include='anyjob/core/*' --fail-under=100

# On the coverage of the unit tests, so the floors hold what both reach together.
test-conformance: test-unit
	$(PYTEST) tests/conformance $(PARALLEL) $(OWN) --cov --cov-append --cov-report=
	$(PYTHON) scripts/coverage_floors.py

test-suite: .venv/.complete
	$(PYTEST) $(SUITE) $(PARALLEL)

test-typing: .venv/.complete
	$(PYTEST) tests/typing

test-acceptance: .venv/.complete
	$(PYTEST) tests/acceptance $(PARALLEL)

test-docs: .venv/.complete
	$(PYTHON) scripts/conformance_matrix.py
	$(PYTEST) tests/docs $(PARALLEL)

test-wheel: .venv/.complete
	$(PYTEST) tests/wheel

test-pythons: .venv/.complete
	@scripts/test_pythons.sh

# The longer tier: more examples for each property, more repeats of each crash. Tests read CERTIFY; tests/conftest.py gives
# Hypothesis its profile.
certify: .venv/.complete
	CERTIFY=1 CONFORMANCE_TIER=full $(PYTEST) tests/conformance tests/acceptance $(PARALLEL) --timeout=1800 $(ELSEWHERE)
	CERTIFY=1 $(PYTEST) tests/conformance/zoo $(PARALLEL) --timeout=1800
	$(PYTHON) scripts/conformance_matrix.py --tier full

format: .venv/.complete
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

clean:
	rm -rf .venv .venv-* .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist docs/_build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.complete: pyproject.toml scripts/venv.sh
	@scripts/venv.sh .venv dev
