# The only entry: each target makes the virtual environment it needs from git, make and Python >= 3.11.
#
#   make demo [BACKEND=url]   the back office of a web shop, on real input
#   make test                 unit, conformance, zoo, wheel, documentation, typing and acceptance tests
#   make check                format, lint, types, layers
#   make docs                 the documentation, into docs/_build/html
#   make bench [QUICK=1]      the benchmarks
#
# BACKEND and QUICK reach the programs as environment variables, as make hands them on. Beside these: venv,
# test-pythons (unit and conformance tests on the other Pythons found), test-engine (the tests of the conformance suite
# itself), certify (the zoo at twenty seeds, the full tier on each backend but the brokers), certify-brokers (on these),
# servers (what the tests start), format, clean.

# Private servers; nothing of the machine's is installed or started.
export PATH := $(CURDIR)/.servers/bin:$(PATH)

PYTHON = .venv/bin/python
PYTEST = $(PYTHON) -m pytest

# So many workers whatever the machine has, so that a race seen in CI is seen at home. Three where most of the time is
# waiting: for leases, for programs, for what must not come.
PARALLEL = -n 2
WAITING = -n 3

# A push certifies each backend and runs the zoo; here stand those that mostly wait. The tests of the engine that does so
# are run by `make test-engine`.
CERTIFIED = $(addprefix tests/conformance/,rabbitmq/test_certified.py wire/test_certified.py test_filebox.py)
ZOO = tests/conformance/zoo
ENGINE = $(addprefix tests/conformance/,engine history machines wire test_filebox_deaths.py test_filebox_trouble.py)
NIGHTLY = $(wildcard tests/acceptance/test_redis_nightly_*.py)
BROKERS_NIGHTLY = $(wildcard tests/acceptance/test_rabbitmq_nightly_*.py)

.PHONY: demo test check docs bench venv servers certify certify-brokers format clean \
	test-unit test-conformance test-certified test-zoo test-engine test-programs test-typing test-acceptance \
	test-docs test-wheel test-pythons

demo: .venv/.complete $(if $(filter redis rabbitmq sqs,$(BACKEND)),.servers/.complete)
	@$(PYTHON) -m examples.shop

test: test-unit test-conformance test-certified test-zoo test-programs

check: .venv/.complete
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m ruff check .
	$(PYTHON) -m mypy
	.venv/bin/lint-imports
	$(PYTEST) tests/typing

docs: .venv/.complete .servers/.complete
	$(PYTHON) scripts/conformance_matrix.py
	$(PYTHON) -m sphinx --fail-on-warning --keep-going --fresh-env --jobs auto docs docs/_build/html

bench: .venv/.complete .servers/.complete
	$(PYTHON) -m benchmarks

venv: .venv/.complete

servers: .servers/.complete

test-unit: .venv/.complete .servers/.complete
	@rm -f .coverage .coverage.*
	$(PYTEST) tests/unit $(PARALLEL) --cov --cov-report=
	$(PYTHON) -m coverage report --include='anyjob/core/*' --fail-under=100

# On the coverage of the unit tests, so the floors hold what both reach together.
test-conformance: test-unit
	$(PYTEST) tests/conformance $(PARALLEL) $(addprefix --ignore=,$(CERTIFIED) $(ZOO) $(ENGINE)) \
		--cov --cov-append --cov-report=
	$(PYTHON) scripts/coverage_floors.py

test-certified: .venv/.complete .servers/.complete
	$(PYTEST) $(CERTIFIED) $(WAITING)

test-zoo: .venv/.complete .servers/.complete
	$(PYTEST) $(ZOO) $(WAITING)

test-engine: .venv/.complete
	$(PYTEST) $(ENGINE) $(addprefix --ignore=,$(CERTIFIED)) $(WAITING) --timeout=1800

# What starts programs: the longest first.
test-programs: .venv/.complete .servers/.complete
	$(PYTEST) tests/wheel tests/docs tests/typing tests/acceptance $(WAITING)

test-typing: .venv/.complete
	$(PYTEST) tests/typing

test-acceptance: .venv/.complete .servers/.complete
	$(PYTEST) tests/acceptance $(PARALLEL)

test-docs: .venv/.complete .servers/.complete
	$(PYTEST) tests/docs $(PARALLEL)

test-wheel: .venv/.complete
	$(PYTEST) tests/wheel

test-pythons: .venv/.complete .servers/.complete
	@scripts/test_pythons.sh

# The longer tier: the zoo at twenty seeds, faults of a server that take minutes, the full tier on each backend, and the
# quick one on Valkey, on a Redis that a sentinel names and on a Cluster. Tests read CERTIFY; tests/conftest.py gives
# Hypothesis its profile.
certify: export CERTIFY = 1
certify: .venv/.complete .servers/.complete
	$(PYTEST) $(ZOO) $(WAITING) --timeout=1800
	$(PYTEST) $(NIGHTLY) $(PARALLEL) --timeout=600
	$(PYTHON) scripts/conformance_matrix.py --tier full

# The same of RabbitMQ, SQS, kombu, the pairs and the filebox, whose quick tiers `make test` runs.
certify-brokers: export CERTIFY = 1
certify-brokers: .venv/.complete .servers/.complete
	$(PYTEST) tests/conformance/sqs tests/conformance/paired tests/conformance/kombu $(WAITING) --timeout=600
	$(PYTEST) $(BROKERS_NIGHTLY) --timeout=900
	$(PYTHON) scripts/conformance_matrix.py --brokers

format: .venv/.complete
	$(PYTHON) -m ruff format .
	$(PYTHON) -m ruff check --fix .

clean:
	rm -rf .servers .venv .venv-* .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	rm -rf build dist docs/_build out
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.servers/.complete: scripts/servers.sh scripts/newest_rabbitmq.sh | .venv/.complete
	@scripts/servers.sh .servers $(PYTHON)

.venv/.complete: pyproject.toml scripts/venv.sh
	@scripts/venv.sh .venv dev
