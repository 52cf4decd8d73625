# Two commands matter: `make run` and `make test`. Each sets up what it needs, on a fresh machine too.
# The rest: setup, check (types and lint), bench, trials, proofs, regulators, and the slow suites prove, faults, inspection, soak, witness, fuzz, chaos, platforms and postgres.

SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
# tsc only reads our JSDoc; nothing of it is shipped. Pinned here, fetched by npx, never committed.
TYPESCRIPT := typescript@5.9.3
# What one process has compiled the next need not compile again, and the tests start many.
unexport PYTHONDONTWRITEBYTECODE
# Two gigabytes are far more than one run needs.
IN_MEMORY = [ "$$(df --output=avail /dev/shm 2>/dev/null | tail -1)" -gt 2000000 ] 2>/dev/null && mkdir -p -m 700 /dev/shm/ringfence-tests-$$UID && export TMPDIR=/dev/shm/ringfence-tests-$$UID;

.PHONY: pictures run test check setup bench trials prove proofs faults regulators inspection soak witness fuzz chaos platforms postgres lock clean browsers node

run: setup
	@$(VENV)/bin/ringfence demo $(if $(HTTPS),--https)

# A house writes to its disk before it says that something is done, thousands of times here. Where memory has room it is the disk.
test: setup browsers node
	@$(IN_MEMORY) $(PY) -m pytest -m "not slow" -n 4 --dist worksteal

check: setup node
	@$(VENV)/bin/ruff format --check server signalling tests migrations
	@$(VENV)/bin/ruff check server signalling tests migrations
	@$(VENV)/bin/mypy
	@npx --yes --package $(TYPESCRIPT) tsc --project client_web

bench: setup
	@mkdir -p var
	@$(PY) -m tests.bench $(if $(QUICK),--quick)

# How often the recipient mark is read, and never falsely: real calls are recorded (20 minutes on two idle cores), attacked and read
# (40 minutes), then 850 clips without a mark searched (45 minutes). Each goes on where it was broken off; results are in var/.
trials: setup browsers
	@$(PY) -m tests.trace_calls
	@OPENBLAS_NUM_THREADS=1 $(PY) -m tests.trace_trials --calls
	@OPENBLAS_NUM_THREADS=1 $(PY) -m tests.trace_trials --unmarked --seconds 6 --trials 850

# Every combination of the facts, each rule against the engine, every vector: what a release shows.
prove: setup
	@$(VENV)/bin/ringfence policy check

# The proof of every promise in the ledger, tests and inspection, written to server/data/proofs.json: from then on pages say "proven".
# A part of it: make proofs ONLY="quiet-hours minutes"
proofs: setup browsers node
	@$(PY) -m tests.proofs $(foreach one,$(ONLY),--only $(one))

# For each seeded fault a house with one guard less: the inspection, or a test, finds it and names the promise.
faults: setup
	@$(PY) -m pytest -m slow -k faults

# The pages for regulators, from the ledger.
regulators: setup
	@$(PY) -m server.regimes docs/regulators

# The pictures of the inspector's pages in docs/regulators/pictures, taken anew. Run make proofs first: they show what is proven.
pictures: setup browsers
	@$(PY) -m tests.browser.inspector_pictures

# All stories of the inspection against a fresh server: all proven, in under five minutes on two cores that do nothing else.
inspection: setup
	@$(PY) -m pytest -m slow -k whole_inspection

soak: setup
	@$(PY) -m pytest -m slow -k soak

# What takes long, or wants a quiet machine: whole calls searched, recorded, tapped and attacked in real browsers.
witness: setup browsers
	@$(PY) -m pytest -m slow tests/browser tests/integration/test_nothing_is_stored.py tests/integration/test_gate_cannot_see.py

fuzz: setup
	@$(PY) -m pytest -m slow -k malformed

chaos: setup
	@$(PY) -m pytest -m slow -k "kill"

# The inspection's stories against PeerServer (from npm) and Janus (from Debian), and whether what the docs say of them is still so.
platforms: setup node
	@bash .ci/setup platforms
	@$(PY) -m pytest -m slow -k platforms

# The tests whose rows matter, on a PostgreSQL of their own that is made for the run and goes with it.
postgres: setup
	@bash .ci/setup postgres "$(VENV)"
	@$(PY) -m tests.on_postgresql

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock pyproject.toml .ci/setup
	@bash .ci/setup python "$(VENV)"

browsers:
	@bash .ci/setup browsers

node:
	@bash .ci/setup node

# Needs pip-tools in the environment; writes versions and hashes, no addresses.
lock: setup
	@$(PY) -m pip install --quiet pip-tools
	@$(PY) -m piptools compile --quiet --extra dev --generate-hashes --allow-unsafe --strip-extras --no-emit-index-url --no-emit-trusted-host --no-emit-options --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) var build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
