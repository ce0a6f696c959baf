# Thin: every target calls `repro` or a well-known tool. `make help` lists them.
SHELL := /bin/bash
PYTHON ?= python3
MODEL ?= gemma-3-270m-q4_k_m
RUNTIME ?= llama.cpp
SUITE ?= default
ARGS ?=
REGISTRY ?= results/demo-registry
OUT ?= site
# `make test TESTS=…` runs only those.
TESTS ?=
SHARED := --dist loadfile --no-loadscope-reorder
VENV := .venv
REPRO := $(VENV)/bin/repro

.DEFAULT_GOAL := help
.PHONY: help install bench test check registry-demo serve site format schema cli-docs clean

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A stamp file names what was installed, so that a second `make bench` starts within seconds.
$(VENV)/.core: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is " + sys.version.split()[0]) if sys.version_info < (3, 11) else None'
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable . --constraint constraints.txt
	@touch $@

# What a registry, its site and `repro export` need on top.
$(VENV)/.site: $(VENV)/.core
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[frames,site]' --constraint constraints.txt
	@touch $@

# What serves a registry over HTTP.
$(VENV)/.service: $(VENV)/.core
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[frames,service]' --constraint constraints.txt
	@$(VENV)/bin/python -m compileall -q harness # else the first start does it before it answers
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' --constraint constraints.txt
	@touch $@

install: $(VENV)/.core ## make the core's environment, .venv

bench: $(VENV)/.core ## measure: make bench MODEL=… RUNTIME=… [SUITE=quick] [ARGS=…]
	$(REPRO) bench --model '$(MODEL)' --runtime '$(RUNTIME)' --suite '$(SUITE)' $(ARGS)

# Many interpreters start: each would compile every module anew where the environment says to keep nothing. Of processes that share cores
# the threads of one matrix wait for each other by spinning: beside others each takes one thread.
test: export PYTHONDONTWRITEBYTECODE =
test: $(VENV)/.dev ## every test, ending in a real model on the real runtime
ifeq ($(TESTS),)
	OPENBLAS_NUM_THREADS=1 $(VENV)/bin/python -m pytest -n 5 $(SHARED) -m 'not slow and not alone and not e2e'
	$(VENV)/bin/python -m pytest -n 2 $(SHARED) --own-core -m 'e2e and not alone and not slow' tests/e2e
	$(VENV)/bin/python -m pytest -m 'alone and not slow' tests/e2e
else
	$(VENV)/bin/python -m pytest $(TESTS)
endif

check: $(VENV)/.dev ## lint, format, types, and who may import whom
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports

registry-demo: $(VENV)/.site ## make the demonstration registry anew, results/demo-registry: a real run, and operators who do not exist
	rm -rf results/demo-registry
	$(REPRO) registry demo results/demo-registry --model '$(MODEL)' --runtime '$(RUNTIME)'

serve: $(VENV)/.service ## the demonstration registry with site and API on this machine: make serve [REGISTRY=…] [OUT=site] [ARGS=…]
	$(REPRO) serve --registry '$(REGISTRY)' --site '$(OUT)' $(ARGS)

site: $(VENV)/.site ## write the public site of a registry: make site [REGISTRY=…] [OUT=site]
	$(REPRO) site build --registry '$(REGISTRY)' --out '$(OUT)' $(ARGS)

format: $(VENV)/.dev ## let ruff mend what it can
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

schema: $(VENV)/.dev ## write every JSON Schema to docs/schema/
	$(REPRO) schema --all docs/schema
	$(VENV)/bin/python -m harness.service > docs/schema/service-v1.json

cli-docs: $(VENV)/.dev ## write the command line's reference, docs/cli.md, from --help
	$(VENV)/bin/python -m tests.support.command_help

clean: ## remove the checkout's environment and caches (not the user's cache)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
