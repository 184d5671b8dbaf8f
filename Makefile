# One word each: run, test, setup, check, bench, soak, doctor. Everything is installed into .venv/.
.PHONY: run test setup setup-dev check bench soak doctor lock clean

PY := .venv/bin/python

run: setup
	@exec $(PY) -m cli run

setup:
	@scripts/setup.sh

setup-dev:
	@scripts/setup.sh --dev

test: setup-dev
	@$(PY) -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(ARGS)

check: setup-dev
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup-dev
	@$(PY) -m bench

soak: setup-dev
	@$(PY) -m pytest -m soak --timeout 1800 $(ARGS)

doctor: setup
	@$(PY) -m cli doctor

# Pin the newest versions that pyproject.toml allows, with hashes and without any index address.
lock:
	@scripts/lock.sh
