# make run    set up, start and open the demo at http://localhost:7860
# make test   set up and run the tests, about 10 minutes; ARGS go to pytest: make test ARGS="tests/contract -k predict"
# make proof      tests that take longer or break things: kills, floods, clouds, the real CIFAR-10
# make examples   the programs of the chapter, each run and its output compared; ARGS as above
# make extras     what some examples and the Keras learner need besides: TensorFlow, Dask, Modin, Spark, RLlib; 2 GB
# make test-all   all three
# make doctor check whether AIR Studio can run on this machine, and how to fix what would stop it
# make lock   write requirements.lock after a change of requirements.txt; ARGS=--upgrade takes newer versions
# make proof-container   the Dockerfile's steps without a container engine; root, Debian, about 12 GB of disk
# make proof-cluster     ray up on three machines of namespaces; root, sshd, rsync; about 12 GB of memory
# make bench           seconds from the start to the first answer
# make bench-serving   requests a second compared with FastAPI and LitServe; needs wrk and a quiet machine
# make bench-batch     batch prediction compared with plain processes; needs CIFAR10_DIR and a quiet machine
# make bench-training  training through Ray compared with plain PyTorch; needs CIFAR10_DIR and a quiet machine
# make bench-gpu       the same on a GPU, compared with airbench too; needs CIFAR10_DIR and a GPU
# make bench-tuning    the overhead of Ray Tune per trial, and 50 trials; needs a quiet machine
# make bench-table     a table of a million rows: profile and training; needs a quiet machine
# make mlflow          MLflow's own page for the runs and studies of this AIR_HOME, loopback only
PYTHON ?= python3
VENV_PYTHON := .venv/bin/python

.PHONY: run test proof examples extras test-all doctor lint lock bench bench-serving bench-batch bench-training bench-gpu bench-tuning bench-table mlflow proof-container proof-cluster clean

run:
	@$(PYTHON) bootstrap.py
	@exec $(VENV_PYTHON) app.py

test:
	@$(PYTHON) bootstrap.py --dev
	@$(VENV_PYTHON) -m tests.helpers.install.browser
	$(VENV_PYTHON) -m pytest -n 2 $(ARGS)

proof:
	@$(PYTHON) bootstrap.py --dev
	@$(VENV_PYTHON) -m tests.helpers.install.browser
	@$(VENV_PYTHON) -m tests.helpers.install.nginx
ifdef ARGS
	$(VENV_PYTHON) -m pytest $(ARGS)
else
	$(VENV_PYTHON) -m pytest -n 2 -m "not alone" tests/proof
	$(VENV_PYTHON) -m pytest -m alone tests/proof
endif

examples:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m pytest -n 2 $(or $(ARGS),tests/examples)

extras:
	@$(PYTHON) bootstrap.py --extra

test-all:
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory examples
	@$(MAKE) --no-print-directory proof

doctor:
	@$(PYTHON) cluster/doctor.py

lint:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .

lock:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m uv pip compile --quiet requirements.txt --output-file requirements.lock $(ARGS)

bench:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.startup

bench-serving:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.serving

bench-batch:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.batch

bench-training:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.training

bench-gpu:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.gpu

bench-tuning:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.tuning

bench-table:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) -m benchmarks.large_table

mlflow:
	@$(PYTHON) bootstrap.py
	@exec $(VENV_PYTHON) -m training.mlflow_ui

proof-container:
	$(PYTHON) cluster/prove_container.py

proof-cluster:
	@$(PYTHON) bootstrap.py --dev
	$(VENV_PYTHON) cluster/prove_ray_up.py

clean:
	rm -rf .venv .air .pytest_cache .ruff_cache tests/artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
