# Everything runs from .venv, which tools/environment makes: a fresh machine needs Python 3.11, 3.12 or 3.13 with venv and
# pip, and make.
# A worktree may link .venv to another checkout's: PYTHONPATH puts this tree's code first, and nothing is installed.

PYTHON ?= python3
export PYTHON
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONPATH := $(CURDIR)/src:$(CURDIR)/gen

SOURCES := src tests tools .ci
# Test files run side by side: two for each core, since most wait for servers half of the time.
WORKERS ?= $(shell echo $$((2 * $$(nproc))))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help environment environment-dev init run demo sample test check lint style types protos imports generated gen format texts \
	operations operations-current vendored sdk fuzz browser bench wheel release-check lock migration first-migration baseline clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

init: environment ## Make an installation under var/; prints its credentials as shell variables: eval "$(make -s init)"
	@ostiary init --env

run: environment ## Start Ostiary on an embedded store under var/; OSTIARY_… variables change what and where
	@ostiary init --if-needed && exec ostiary serve

demo: environment-dev ## A tour of every dialect against a server of its own; at a terminal the sample application follows
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests python -m demo.tour
	@if [ -t 0 ] && [ -t 1 ]; then $(SAMPLE); else echo 'A single-page application that signs in: make sample'; fi

sample: environment ## A single-page application that signs in at the installation under var/, until Ctrl-C
	@$(SAMPLE)

SAMPLE = PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests python -m demo.sample

# Modules are compiled once, and kept whatever the shell says: tests start hundreds of processes.
test: environment-dev ## Every test, on real servers: PostgreSQL, Envoy, Valkey, SMTP
	@PYTHONDONTWRITEBYTECODE= python -m compileall -q src gen
	PYTHONDONTWRITEBYTECODE= python -m pytest --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(TESTS)

check: environment-dev style protos imports types operations-current ## What to run before each commit: style, types, layers, fast tests
	@$(if $(wildcard tests/unit tests/contract),python -m pytest -q $(wildcard tests/unit tests/contract) || [ $$? -eq 5 ])

lint: environment-dev style protos imports types generated operations-current ## Style, types, protos, layers, whether what is generated is fresh

style:
	ruff check $(wildcard $(SOURCES))
	ruff format --check $(wildcard $(SOURCES))

# Compared with what callers have compiled: `make baseline` renews that at a release, or before it with a word in CHANGELOG.
BASELINE := tests/contract/data/baseline.binpb

protos:
	buf lint
	buf format --diff --exit-code proto
	buf breaking proto --against $(BASELINE)

baseline: environment-dev ## Take the protos as they are for what callers have compiled; lint refuses what breaks them
	@buf build --exclude-source-info --output $(BASELINE)

imports:
	lint-imports --no-logo

types:
	mypy

generated:
	@scratch=$$(mktemp -d) && trap 'rm -rf "$$scratch"' EXIT && \
	$(MAKE) --no-print-directory GEN="$$scratch" generate && \
	for made in gen third_party; do diff -rq -x __pycache__ -x npm "$$scratch/$$made" $$made || { \
		echo "$$made/ is not what 'make gen' makes: run it and commit"; exit 1; }; done
	@python tools/vendored.py --check

gen: environment-dev generate ## Generate gen/ from proto/: messages, stubs, types, descriptors, the OpenAPI document

# GEN is the directory in which gen/ and third_party/ are written. The protos of third_party/ come from the wheel whose
# Python modules we import, so that both stay of one version.
.PHONY: generate
generate: GEN ?= .
generate:
	@wheel=$$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') && \
	for proto in $$(cd third_party && find google -name '*.proto'); do \
		mkdir -p "$(GEN)/third_party/$$(dirname "$$proto")" && cp "$$wheel/$$proto" "$(GEN)/third_party/$$proto" || exit 1; done
	@buf generate --template buf.gen.third_party.yaml --output $(GEN)
	@buf generate --output $(GEN)
	@python tools/python_root.py $(GEN)/gen
	@buf build --exclude-source-info --output $(GEN)/gen/ostiary_api/descriptors.binpb
	@sources=$$(mktemp) && trap 'rm -f "$$sources"' EXIT && buf build --output "$$sources#format=binpb" && \
	PYTHONPATH=$(CURDIR)/src:$(GEN)/gen python -m ostiary.openapi "$$sources" $(GEN)/gen/ostiary_api/openapi.json

texts: environment-dev ## Take new texts of the pages into their catalogues, and compile these
	@python tools/texts.py

vendored: environment-dev ## Take the files under third_party/npm again, from the packages that it names; needs npm
	@python tools/vendored.py

operations: environment-dev ## Write docs/operations.md and the table in the README: what of the interfaces works
	@$(OPERATIONS)

operations-current:
	@$(OPERATIONS) --check

OPERATIONS = PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests python tools/operations.py

format: environment-dev ## Write Python and protos in the one style
	ruff check --fix $(wildcard $(SOURCES))
	ruff format $(wildcard $(SOURCES))
	buf format --write proto

sdk: environment-dev ## Drive the vendor's SDK, relying parties and docs/grpc.md's clients against a server; needs Node, Go, Java
	python -m pytest -rs $(wildcard tests/conformance/*/drive.py)

fuzz: environment-dev ## Ask a server what Schemathesis draws from the OpenAPI document: all that it allows, and what it forbids
	python -m pytest --numprocesses 2 --dist loadfile tests/fuzz/openapi_operations.py tests/fuzz/openapi_limits.py

browser: environment-dev ## The hosted pages, the sample, OpenID's modules in Chromium: screenshots in build/browser; needs Chromium and npm
	python -m pytest -rs tests/browser/pages.py tests/browser/story.py tests/browser/reference.py tests/browser/openid_modules.py

bench: environment-dev ## Measure throughput and latency beside the machine's own limits; writes docs/benchmarks.md
	@PYTHONPATH=$(PYTHONPATH):$(CURDIR)/tests python -m bench.run --report docs/benchmarks.md $(BENCH)

wheel: environment-dev ## Build the wheel of a release, and the constraints with its exact versions, into dist/
	@rm -rf dist
	@python -m pip --disable-pip-version-check wheel --quiet --no-index --no-deps --no-build-isolation --wheel-dir dist .
	@for wheel in dist/*.whl; do python tools/constraints.py requirements.txt > "$${wheel%%-py3-*}.constraints.txt"; done
	@ls dist/*

# PYTHONS are the interpreters to try, by default all that are supported.
release-check: wheel ## Install that wheel into empty environments, serve, sign in; needs a package index
	python -m pytest tests/release/installed.py

lock: environment-dev ## Pin the dependencies of pyproject.toml again; UPGRADE=--upgrade takes the newest of all
	$(PIN) --group build --output-file requirements.txt
	$(PIN) --group build --group dev --all-extras --constraint requirements.txt --output-file requirements-dev.txt

# The index stays out of the files, as is uv's default: who installs chooses it.
PIN = UV_PYTHON_DOWNLOADS=never uv pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	--no-annotate --custom-compile-command 'make lock' pyproject.toml

migration: environment-dev ## Write the migration that the tables need: make migration NAME="what changes"
	@test -n "$(NAME)" || { echo 'make migration NAME="what changes"'; exit 2; }
	@python tools/migration.py "$(NAME)"

first-migration: environment-dev ## Write the first migration anew; only until the first release
	@python tools/migration.py --first initial

environment:
	@tools/environment requirements.txt

environment-dev:
	@tools/environment requirements-dev.txt

clean: ## Remove what tools left behind; keeps .venv and the data under var/
	rm -rf build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src gen tests tools -name __pycache__ -prune -exec rm -rf {} +
