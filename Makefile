# make run    set up, start and open the demo at http://localhost:7860
# make test   set up and run every test
# make bench-serving   requests a second beside FastAPI and LitServe; needs wrk and a quiet machine
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python

.PHONY: run test lint bench bench-serving clean

run:
	@$(PYTHON) bootstrap.py
	@exec $(VENV_PYTHON) app.py

test:
	@$(PYTHON) bootstrap.py --dev
	@$(VENV_PYTHON) -m tests.install_browser
	$(VENV_PYTHON) -m pytest

lint:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .

bench:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.startup

bench-serving:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.serving

clean:
	rm -rf .venv .air .pytest_cache .ruff_cache tests/artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
