# Two commands matter: `make demo` and `make test`. `make help` lists the rest.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
DEMO ?=
TEST ?=
BENCH ?=
PICTURES ?=
JOBS ?= 2

.DEFAULT_GOAL := help
.PHONY: help demo test test-web test-postgres test-long check lint types rv32 bench-lock bench-claims bench-fleet pictures web venv clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  make demo DEMO="--serve --track ride.gpx"    options for the demo: see `ringslot demo --help`'
	@echo '  make test TEST="protocol -k cbor"            options for pytest'
	@echo '  make test JOBS=0                             one test after the other (else $(JOBS) files at a time: most tests wait)'
	@echo '  make demo PYTHON=python3.12                  the Python that makes .venv (3.11 or newer)'

demo: $(VENV)/runs ## ride a simulated bicycle from a claim in the cloud to its receipts (about a minute)
	@$(BIN)/ringslot demo $(DEMO)

test: $(VENV)/tests ## every test, on CPython and on MicroPython (some 22 minutes on two cores)
	@$(BIN)/pytest -q -ra -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "not long and not web" $(TEST)

test-postgres: $(VENV)/tests ## the cloud's tests once more, on a PostgreSQL of their own (apt install postgresql)
	@$(BIN)/pytest -q -ra -n $(JOBS) --dist loadfile -m "not long and not web" --db postgres cloud $(TEST)

test-web: $(VENV)/tests $(VENV)/web ## the pages in a real browser (apt install chromium dbus-daemon), against a living fleet
	@$(BIN)/pytest -q -ra -n $(JOBS) --dist loadfile --no-loadscope-reorder -m "web and not long" $(or $(TEST),hil_tests)

test-long: $(VENV)/tests ## the longer counts of the same tests
	@$(BIN)/pytest -q -ra -m long $(TEST)

check: lint types test ## what must hold before a change lands: lint, format, types, layers, every test

lint: $(VENV)/tests
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/tests
	@$(BIN)/mypy
	@$(BIN)/python -m tools.board_types

rv32: $(VENV)/tests ## the 32-bit board without hardware: install what it needs (apt), build its image
	@$(BIN)/python -m tools.rv32 build

bench-lock: rv32 ## what the lock's cryptography and storage cost on 32 bits; `BENCH=--check` compares with the baseline
	@$(BIN)/python -m tools.bench_lock $(BENCH)

bench-claims: $(VENV)/tests ## claim and token over HTTP at 50 requests a second: prints the percentiles
	@$(BIN)/python -m tools.bench_claims

bench-fleet: $(VENV)/tests ## lists and maps of 10,000 locks with 1,000,000 fixes: prints the times and the query plans
	@$(BIN)/python -m tools.bench_fleet $(BENCH)

pictures: $(VENV)/tests $(VENV)/web ## take the docs' pictures of the pages anew, into pictures/ (a few minutes)
	@$(BIN)/python -m hil_tests.pictures $(PICTURES)

venv: $(VENV)/tests ## make .venv with everything in it, and run nothing

clean: ## remove .venv and everything that can be made again
	rm -rf $(VENV) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

web: $(VENV)/web ## put what the pages need from npm into cloud/static/vendor

# Stamps: .venv is made once, and brought up to date when what it is made from changes.

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo 'Ringslot needs Python 3.11 or newer: make PYTHON=python3.12 ...'; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
	    echo 'Python cannot make a virtual environment; on Debian and Ubuntu: apt install python3-venv'; exit 1; }

$(VENV)/runs: requirements.txt pyproject.toml | $(BIN)/python
	@echo 'Installing what Ringslot runs on into $(VENV), pinned; once, a minute or so.'
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps -e .
	@touch $@

$(VENV)/web: cloud/web/package.json cloud/web/package-lock.json | $(BIN)/python
	@command -v npm >/dev/null || { echo 'The map needs npm once; on Debian and Ubuntu: apt install npm'; exit 1; }
	@cd cloud/web && npm ci --silent --no-audit --no-fund
	@mkdir -p cloud/static/vendor
	@cd cloud/web/node_modules/leaflet && cp dist/leaflet.css ../../../static/vendor/ && \
	    sed /sourceMappingURL/d dist/leaflet-src.esm.js > ../../../static/vendor/leaflet.js && cp LICENSE ../../../static/vendor/leaflet-LICENSE
	@touch $@

$(VENV)/tests: requirements-dev.txt $(VENV)/runs
	@$(PIP) -r requirements-dev.txt
	@touch $@
