# Two commands do everything: `make rehearsal` and `make test`. Each prepares .venv by itself.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.prepared
ROOMS := plans records compose scenarios reports dashboards rehearsal target_app

.PHONY: setup rehearsal check test test-long test-observability test-docker examples axe properties matrix chaos lint bench bench-app bench-report bench-memory bench-crowd bench-generator bench-comparison bench-capacity pictures clean
.DELETE_ON_ERROR:
# Every process of a stage would compile its modules again where byte code is not kept.
unexport PYTHONDONTWRITEBYTECODE

setup: $(STAMP)

rehearsal: $(STAMP)
	$(BIN)/rehearse run plans/festival.toml

# `make test` has a process a CPU for the tests that work, at a lower priority, and two more for those
# that wait (tests/scheduling.py). The others run three at a time, also on two cores.

# The inner loop, in 90 s: no test that starts a server or a rehearsal, and none that is slow (about half a
# second or more). What is left only works: a process a CPU.
check: lint
	$(BIN)/pytest --numprocesses logical --dist loadgroup -m "not (servers or rehearsal or observability or examples or long or docker or slow)" $(PYTEST_OPTIONS)

ALONE = { echo "What failed, once more and alone:"; $(BIN)/pytest --last-failed --last-failed-no-failures none $(1); }

# `make test COVERAGE=yes` also measures line coverage (slower) and fails below 90 %.
# With AGAIN=yes what failed beside others is tried once more alone, and both are shown: on a
# machine that others use too, a time that ran out says little, and what is broken fails twice.
test: lint
	$(if $(COVERAGE),REHEARSE_PASS_ON=COVERAGE_PROCESS_CONFIG) $(BIN)/pytest --numprocesses auto --dist loadgroup $(if $(COVERAGE),--cov --cov-report=) $(PYTEST_OPTIONS)$(if $(AGAIN), || $(call ALONE))
	$(if $(COVERAGE),$(BIN)/coverage report --fail-under=90)

# Whole rehearsals of a kind of which `make test` has another one; the longest, so CI alone runs them.
test-long: $(STAMP)
	$(BIN)/pytest -m long --numprocesses 3 --dist loadgroup $(PYTEST_OPTIONS)$(if $(AGAIN), || $(call ALONE,-m long))

# Three shops in other styles, sound and with each of their wrongs, beside each other; what is judged
# by how long it takes comes after them, alone. Without Node there are two shops.
BESIDE := examples and not alone
NODE_PACKAGES := examples/express/node_modules/.package-lock.json
AXE := tests/reports/page/axe/node_modules/.package-lock.json
examples: $(STAMP) $(if $(shell command -v npm),$(NODE_PACKAGES))
	$(BIN)/pytest -m "$(BESIDE)" tests/examples --numprocesses 3 --dist loadgroup $(PYTEST_OPTIONS)$(if $(AGAIN), || $(call ALONE,-m "$(BESIDE)"))
	$(BIN)/pytest -m "examples and alone" tests/examples $(PYTEST_OPTIONS)$(if $(AGAIN), || $(call ALONE,-m "examples and alone"))

# What the page is checked with for those who cannot see it; without it that one test is skipped.
axe: $(AXE)

$(AXE): tests/reports/page/axe/package-lock.json
	npm ci --prefix tests/reports/page/axe --no-audit --no-fund
	@touch $@

$(NODE_PACKAGES): examples/express/package-lock.json
	npm ci --prefix examples/express --no-audit --no-fund

# Whole rehearsals with real Prometheus and Alertmanager: every panel has data, the same as the
# report's, and alerts arrive. `make test` does not need these programs.
test-observability: $(STAMP)
	REHEARSE_REQUIRE_OBSERVABILITY=1 $(BIN)/pytest -m observability tests/observability$(if $(AGAIN), || $(call ALONE,-m observability))

# The stage in containers, on images that are made here without a registry; without a Docker daemon
# these tests are skipped. One after the other: some look at all that is on the machine.
test-docker: $(STAMP)
	$(BIN)/pytest -m docker tests/docker $(PYTEST_OPTIONS)$(if $(AGAIN), || $(call ALONE,-m docker))

# The property tests, each for so many seconds: never a traceback, whatever comes from outside.
SECONDS ?= 60
properties: $(STAMP)
	REHEARSE_PROPERTY_S=$(SECONDS) $(BIN)/pytest --numprocesses 4 --timeout $$(($(SECONDS) + 120)) tests/properties

# Every strategy against every fault; `make test` runs only a few cells of it.
matrix: $(STAMP)
	$(BIN)/rehearse matrix plans/matrix.toml $(MATRIX_OPTIONS)

# Every process killed, stopped and told to end at every moment; `--share 0.1` is a tenth of it.
chaos: $(STAMP)
	$(BIN)/python -m tests.chaos $(CHAOS_OPTIONS)

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(STAMP)
	$(BIN)/python -m benchmarks

bench-app: $(STAMP)
	$(BIN)/python -m benchmarks.app

# How long a report takes by how many requests there are; `--large` for 10 million too.
bench-report: $(STAMP)
	$(BIN)/python -m benchmarks.report $(BENCH_OPTIONS)

# The generator beside its peers, in 10 minutes on a machine that does nothing else; a peer that is not
# there is named. `BENCH_OPTIONS=--quick` is a look at it in two.
bench-generator: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	$(BIN)/python -m benchmarks.generator $(BENCH_OPTIONS)

# How often a comparison is wrong: 20 sets of five runs, alike and with a planted slow-down, in about
# two hours; `BENCH_OPTIONS="--sets 4"` is a look at it, `--simulate` draws the runs in two minutes.
bench-comparison: $(STAMP)
	$(BIN)/python -m benchmarks.comparison $(BENCH_OPTIONS)

# A search for the capacity beside fixed steps of load, on a target whose capacity is known and on one of the
# shops in examples/: about an hour on a machine that does nothing else; `BENCH_OPTIONS=--quick` is a look at it.
bench-capacity: $(STAMP)
	$(BIN)/python -m benchmarks.capacity $(BENCH_OPTIONS)

bench-memory: $(STAMP)
	$(BIN)/python -m benchmarks.memory $(BENCH_OPTIONS)

# 100,000 students from this machine, in some 7 minutes: are all in the census, in at most 2 GB.
bench-crowd: $(STAMP)
	$(BIN)/python -m benchmarks.crowd $(BENCH_OPTIONS)

# The README's two pictures, from a real run that is judged again: `make pictures RUN=runs/…`
pictures: $(STAMP)
	$(BIN)/python docs/pictures/make.py $(RUN)

clean:
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; name one with make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@mkdir -p .venv/rooms/dress_rehearsal # where mypy finds the rooms by their installed name
	@for room in $(ROOMS); do ln -sfn ../../../$$room .venv/rooms/dress_rehearsal/$$room; done
	@touch $@
