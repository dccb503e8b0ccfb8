# make demo     the bookshop on this machine, with a real Envoy (http://localhost:8080)
# make bookinfo Istio's Bookinfo on this machine, a sidecar for each workload; as root
#               (http://localhost:8080/productpage; docs/bookinfo.md); TRACING=1: with Zipkin,
#               which is downloaded once (ZIPKIN_JAR: a copy of it) and needs Java 17
# make test     everything that is checked before a change lands
# make oracle   our answers compared with istiod's, where its recordings are beside this folder
#               (CASES="matching/ validation/gateway/": only those that begin so)
# make fuzz     the properties among the tests, with random examples and five times as many; make
#               test always tries the same ones; then random meshes at a real Envoy for ten minutes
# make soak     edits and requests for five minutes, then with kills (SECONDS=60: each for so long): what failed
# make bench    the figures of benchmarks/RESULTS.md, in less than ten minutes
#               (BENCH=--quick: in two; BENCH=--write: into RESULTS.md; BENCH=fleet: one suite)
#
# make docs     the documentation as a site, in site/
# make lowest   everything but real Envoys and compose, with the oldest dependencies that are allowed
#
# Each makes what it needs: a virtual environment in .venv, installed again when its inputs change.

PYTHON ?= python3
VENV   ?= .venv
# Two workers need a network each (tests/support/network.py), and only root may make one.
WORKERS ?= $(if $(filter 0,$(shell id -u)),2,0)
BIN    := $(VENV)/bin

RUNTIME   := $(VENV)/.runtime
INSTALLED := $(VENV)/.installed
STUBS     := $(VENV)/.stubs
export PATH := $(abspath $(BIN)):$(PATH)
# Hundreds of processes are started; each would compile all that it imports.
export PYTHONDONTWRITEBYTECODE :=

SECONDS ?= 300

.PHONY: demo bookinfo test lint fuzz oracle soak bench docs lowest install clean

demo: $(RUNTIME)
	$(BIN)/python samples/demo.py $(if $(GATEWAY_API),--gateway-api)

bookinfo: $(RUNTIME)
	$(BIN)/python samples/bookinfo/run.py $(if $(TRACING),--tracing)

test: lint
	$(BIN)/python -m pytest -q -n $(WORKERS) --dist loadfile

lint: $(STUBS)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy -p controlplane -p tests.support
	$(BIN)/lint-imports --no-logo

fuzz: $(INSTALLED)
	$(BIN)/python -m pytest -q -n auto -m 'hypothesis and not envoy' --hypothesis-profile=fuzz
	$(BIN)/python -m pytest -q tests/envoy/test_accepted.py --hypothesis-profile=fuzz

oracle: $(INSTALLED)
	$(BIN)/python -m tests.support.oracle ../shared/oracle tests/oracle-waiting.txt $(CASES)

soak: $(INSTALLED)
	SOAK_SECONDS=$(SECONDS) $(BIN)/python -m pytest -q -s tests/envoy/test_churn.py

bench: $(INSTALLED)
	$(BIN)/python benchmarks/run.py $(BENCH)

install: $(STUBS)

docs: $(INSTALLED)
	$(BIN)/python -m tests.support.reference_pages
	$(BIN)/python -m mkdocs build --strict

lowest:
	test -x $(VENV)-lowest/bin/python || $(PYTHON) -m venv $(VENV)-lowest
	$(PYTHON) -m tests.support.lowest > $(VENV)-lowest/constraints.txt
	$(VENV)-lowest/bin/python -m pip install -q --disable-pip-version-check \
	  -c $(VENV)-lowest/constraints.txt -e '.[dev]'
	$(VENV)-lowest/bin/python -m pytest -q -n auto --dist loadfile -m 'not envoy and not compose and not install'

# What a demo needs, and what development needs beside it.
$(RUNTIME): pyproject.toml $(wildcard protos/*.proto protos/*.py)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[envoy]'
	@touch $@

$(INSTALLED): $(RUNTIME)
	$(BIN)/python -m pip install -q --disable-pip-version-check -e '.[envoy,dev]'
	@touch $@

$(STUBS): $(INSTALLED) tests/support/stubs.py
	$(BIN)/python -m tests.support.stubs typings
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-lowest .bookinfo .demo typings build dist site .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
