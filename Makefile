# The daily commands; `make demo` and `make test` need nothing but Python 3.11 or 3.12 and make.
PYTHON ?= $(shell for p in python3.12 python3.11 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=

.PHONY: demo test serve bench bench-send bench-open bench-freeze bench-segments bench-recommend bench-console lint torture format clean

demo: $(VENV)/.installed  ## the whole story on a sample shop; ARGS="--no-serve --json" passes arguments on
	$(BIN)/tailormail demo $(ARGS)

# By file, so that what shares servers and samples stays together. One process more than there are cores, because
# they often wait for something.
PROCESSES ?= $(shell n=$$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); [ $$n -ge 4 ] && echo 4 || echo $$((n + 1)))

# Without the marks under expressions in tracebacks: they are worked out by the compiler, and CPython 3.11.7 breaks down
# ("AST constructor recursion depth mismatch") where a thread prints a traceback while another one compiles.
test: export PYTHONNODEBUGRANGES = 1
# Some hundred processes are started; without the bytecode on disk each would compile the whole project anew.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.installed-dev  ## all tests, in two to four processes with servers of their own
	$(BIN)/python -m pytest --numprocesses $(PROCESSES) --dist loadfile $(ARGS)

serve: $(VENV)/.installed  ## web, workers and scheduler, on your own data
	$(BIN)/tailormail serve $(ARGS)

bench: $(VENV)/.installed-dev  ## what this machine does: sending, opening
	$(BIN)/python -m benchmarks $(ARGS)

bench-send: $(VENV)/.installed-dev  ## how fast a campaign goes out, beside bare processes; ARGS="--customers 2000 20000 200000"
	$(BIN)/python -m benchmarks.send $(ARGS)

bench-open: $(VENV)/.installed-dev  ## how fast pictures are chosen at open, beside a Flask view that does nothing; needs wrk
	$(BIN)/python -m benchmarks.opens $(ARGS)

bench-freeze: $(VENV)/.installed-dev  ## freezing a million sends, and claiming among millions; needs some GB of disk
	$(BIN)/python -m benchmarks.freezing $(ARGS)

bench-segments: $(VENV)/.installed-dev  ## counting segments among a million customers; ARGS="--customers 100000" for less
	$(BIN)/python -m benchmarks.segments $(ARGS)

bench-recommend: $(VENV)/.installed-dev  ## what training and picking cost; ARGS="--data FOLDER" takes import files, "--customers 4000" a sample shop
	$(BIN)/python -m benchmarks.recommend $(ARGS)

bench-console: $(VENV)/.installed-dev  ## how long each page of the console takes with a million customers; needs some GB of disk
	$(BIN)/python -m benchmarks.console $(ARGS)

lint: $(VENV)/.installed-dev  ## ruff and mypy on the whole tree
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy campaigns workers web tests benchmarks

torture: $(VENV)/.installed-dev  ## some minutes: a campaign of 20,000 while everything is killed; ARGS="--faults 60"
	$(BIN)/python -m tests.torture.run $(ARGS)

format: $(VENV)/.installed-dev  ## let ruff put the code in order
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Tailormail needs Python 3.11 or 3.12 on the PATH"; exit 1; }
	@start=$$(date +%s); $(PYTHON) -m venv $(VENV); echo "venv made in $$(( $$(date +%s) - start )) s"

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@start=$$(date +%s); $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable . && echo "installed in $$(( $$(date +%s) - start )) s"
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@start=$$(date +%s); $(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--constraint constraints.txt --editable '.[dev]' && echo "installed in $$(( $$(date +%s) - start )) s"
	@touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis dist
