# The commands of this repository. `make` alone lists them.
#
# Recipes `exec` their program, so that Ctrl-C and SIGTERM reach it and not only a shell in between.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# Everything that holds Python of ours; mypy is given only what exists.
TYPED := $(wildcard src tests benchmarks clients/python)

# Modules that write a committed file and know `--check`: exit 1 when the file differs from what the code says.
GENERATORS := $(if $(wildcard src/chandlery/app/openapi.py),chandlery.app.openapi)

# Two makes at once (two terminals, or -j) take turns where the system has flock.
ONE_AT_A_TIME := $(if $(shell command -v flock 2>/dev/null),flock .venv.lock)

# The schema and every store are also held against the newest PostgreSQL that the wheel has.
ROOMS_WITH_TABLES := $(addprefix tests/,engine identity parties catalog ordering subscriptions billing fulfilment processes)

# Extra words for pytest or the demo: make test ARGS="-k money"
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-long check check-generated bench format lock

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: $(READY) ## Create .venv and install everything pinned and hashed, test tools included

$(READY): requirements/dev.txt requirements/install.sh pyproject.toml
	@exec $(ONE_AT_A_TIME) sh requirements/install.sh $(VENV)

demo: $(READY) ## Run the main job end to end on a throw-away server
	@exec $(BIN)/chandlery demo $(ARGS)

serve: $(READY) ## Serve the demo world on port 8080
	@exec $(BIN)/chandlery serve --demo $(ARGS)

test: $(READY) ## Run the tests
	@exec $(BIN)/python -m pytest -n 2 -m "not long" $(ARGS)

test-long: $(READY) ## Run the long tests: browsers, real clients, long plays, the newest PostgreSQL
	@$(BIN)/python -m pytest -m long -o faulthandler_timeout=1800 $(ARGS)
	@CHANDLERY_TEST_POSTGRES=18 exec $(BIN)/python -m pytest -n 2 -m "not long" $(ROOMS_WITH_TABLES)

check: $(READY) ## Format, lint, types, import contracts, house rules, generated files
	@$(BIN)/ruff format --check --quiet --output-format concise . || { echo "Repair with: make format" >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy --no-error-summary $(TYPED)
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m pytest -q -m "not long" tests/house
	@$(MAKE) --no-print-directory check-generated
	@echo "check: everything is in order"

check-generated: $(READY)
	@for module in $(GENERATORS); do $(BIN)/python -m $$module --check || exit 1; done

bench: $(READY) ## Measure the budgets; one JSON object on standard output
	@exec $(BIN)/python -m benchmarks $(ARGS)

format: $(READY) ## Format the code and repair what the linter can repair
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

lock: $(READY) ## Choose versions anew and write requirements/*.txt
	@exec sh requirements/lock.sh $(BIN)
