# On a fresh machine with Python 3.10 or newer: `make run` trains on real data, `make test` runs the tests, `make proofs` the slow ones.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run test proofs adversarial lint types docs audit check install clean

install: .venv/.installed

.venv/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable ".[dev]"
	touch $@

run: install
	$(BIN)/gan-train

# One process more than the two cores that this is meant for: some tests wait for other processes. Bytecode is kept for
# the next run, and for the processes that tests start, which would each compile the package.
test: install
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses 3 --dist worksteal -m "not slow"

# What takes longest, of which every landing is tested too: whole programs and clusters, kills, the notebook, the site.
proofs: install
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --numprocesses 3 --dist worksteal -m slow

# All hostile cases and kills, of which `test` tries a tenth: hours.
adversarial: install
	$(BIN)/pytest --numprocesses 2 --dist worksteal --adversarial=all tests/adversarial

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install
	$(BIN)/mypy

# The site of the documentation; a warning is an error.
docs: install
	$(BIN)/sphinx-build --builder html --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

# pip-audit has an environment of its own, so that its dependencies are not taken for ours.
audit: install
	@if $(PYTHON) -m venv .venv/audit && .venv/audit/bin/pip install --quiet --disable-pip-version-check --retries 1 pip-audit; then \
		.venv/audit/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --timeout 30; \
	else \
		echo "no pip-audit and no network to install it: the dependencies are not audited"; \
	fi

check: lint types proofs test

clean:
	rm -rf .venv build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
