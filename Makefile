# Everything goes through here: people, and .ci/run. `make` alone says what there is.

PYTHON ?= python3
CARGO  ?= cargo
VENV   := .venv
BIN    := $(VENV)/bin
TARGET := $(if $(CARGO_TARGET_DIR),$(CARGO_TARGET_DIR),target)

export PIP_DISABLE_PIP_VERSION_CHECK := 1

# What the Rust tests need of a Python extension they cannot have: it is tested from Python.
RUST_CRATES := --workspace --exclude flowai-python

# Where the C library goes, and what of it: `make install FEATURES=small` is a client alone.
PREFIX   ?= /usr/local
LIBDIR   ?= lib
DESTDIR  ?=
FEATURES ?= full
PROFILE  ?= release

.PHONY: help install uninstall dist-c abi doxygen demo test test-rust test-python test-c test-docs test-durability soak soak-c soak-python \
        test-interpreters test-cross fuzz check costs lint header stubs licences sizes wheels bench charts clean

help:
	@echo "make demo    a Python and a C program talk to a bot on this machine; a receiver is killed, and no reply is lost"
	@echo "make test    everything is proven: Rust, Python, C, the command line (needs cargo, Python 3.10+, a C compiler)"
	@echo "make soak    the same kills, power failures, failing disks, forks and exits as in make test, for hours"
	@echo "make fuzz    hostile bytes and sequences of C calls, coverage-guided, under the address sanitizer"
	@echo "make test-interpreters    the tests of the Python package on every version of Python at hand"
	@echo "make bench   flowai beside its peers, in one table; make bench ROW=parse for one row (bench/README.md)"
	@echo "make lint    formatting, clippy, ruff, mypy, pyright"
	@echo "make check   test, lint, and what needs more tools: valgrind, a browser (scripts/setup-debian installs them)"
	@echo "make costs   counts anew what a message, an event and a webhook call cost in instructions: make check compares"
	@echo "make install PREFIX=/usr/local    libflowai for other programs: libraries, headers, pkg-config, CMake; make uninstall"
	@echo "make dist-c  the same as an archive for another machine, in build/dist"
	@echo "make doxygen the documentation of flowai.h and flowai.hpp, in build/doxygen; make abi writes the ABI down"
	@echo "make wheels  the wheels and the source distribution in dist/, each checked and tried out"
	@echo "make sizes   how large libflowai is on small devices; make test-cross runs its tests for other machines"
	@echo "make header  writes include/flowai.h anew; make stubs writes the type stubs of the Python package"

demo: $(VENV)/installed
	@scripts/need cargo cc
	$(CARGO) build --release -p flowai-c
	$(BIN)/python scripts/demo.py $(TARGET)/release

test: test-rust test-python test-c test-docs test-durability

test-rust:
	@scripts/need cargo cc
	$(CARGO) test $(RUST_CRATES)

test-python: $(VENV)/installed $(VENV)/tools
	@scripts/need cargo
	$(CARGO) build -p flowai-testkit -p flowai-cli
	FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q tests/python
	$(BIN)/python -m mypy.stubtest flowai
	$(BIN)/python -m mypy --strict tests/python/typed_*.py
	$(BIN)/python -m pyright --pythonpath $(BIN)/python tests/python/typed_*.py

test-c: $(VENV)/installed $(VENV)/tools
	@scripts/need cargo cc
	$(CARGO) build -p flowai-testkit -p flowai-cli -p flowai-c
	FLOWAI_LIB_DIR=$(TARGET)/debug FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q tests/c

test-docs: $(VENV)/installed $(VENV)/tools
	@scripts/need cargo cc curl
	$(CARGO) build -p flowai-testkit -p flowai-cli -p flowai-c
	$(CARGO) test $(RUST_CRATES) --no-run
	FLOWAI_LIB_DIR=$(TARGET)/debug FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q tests/docs

# The same module on other versions of Python: those at hand, or INTERPRETERS="python3.12 python3.13". With SHORT=--short
# only the tests in which versions differ most, as in `make check`.
INTERPRETERS ?=
SHORT ?=

test-interpreters: $(VENV)/installed
	@scripts/need cargo
	$(CARGO) build -p flowai-testkit -p flowai-cli
	CARGO_TARGET_DIR=$(abspath $(TARGET)) FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python scripts/interpreters.py $(SHORT) $(INTERPRETERS)

# Kills, power failures, failing and full disks, clocks that jump. How much of each: tests/durability/counts.py.
test-durability: $(VENV)/tools
	@scripts/need cargo cc
	$(CARGO) test -p flowai-delivery --features failpoints --test failpoints --test outbox_crash
	$(CARGO) build -p flowai-delivery --features failpoints --example durability
	FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q tests/durability

SOAK := KILLS=2000 STEP_KILLS=40 POWER_RUNS=300 POWER_CUTS=300 FAULTS=2000 FULL_DISKS=200 JUMPS=10000 FIGHT_EVENTS=2000 \
        SLOW_CLIENTS=1024 SEQUENCES=20000 SEED=$(shell date +%s)
# Forks, interrupts and exits of Python programs: tests/python/tries.py.
SOAK_PYTHON := FORKS=170 INTERRUPTS=200 EXITS=112 MESSAGES=200000

# libflowai as it is built for small devices of other kinds, in an emulator.
CROSS_TARGETS ?= aarch64-unknown-linux-gnu armv7-unknown-linux-gnueabihf aarch64-unknown-linux-musl
CROSS_TESTS ?= tests/c/test_unit.py tests/c/test_examples.py

test-cross: $(VENV)/tools
	@scripts/need cargo
	$(CARGO) build -p flowai-testkit -p flowai-cli
	set -e; for target in $(CROSS_TARGETS); do \
		case $$target in *-musl) build=zigbuild ;; *) build=build ;; esac; \
		$(BIN)/python scripts/cross.py --small $$target $(CARGO) $$build --profile device -p flowai-c; \
		FLOWAI_LIB_DIR=$(TARGET)/$$target/device FLOWAI_BIN_DIR=$(TARGET)/debug \
			$(BIN)/python scripts/cross.py $$target $(BIN)/python -m pytest -q $(CROSS_TESTS); \
	done

sizes:
	@scripts/need cargo cc
	@$(CARGO) build --quiet -p flowai-testkit -p flowai-cli -p flowai-c
	@$(PYTHON) scripts/sizes.py $(TARGETS)

# Which: scripts/wheels.py. For one kind: make wheels TARGETS=x86_64-unknown-linux-gnu; make sizes likewise.
wheels:
	@scripts/need cargo $(PYTHON)
	$(PYTHON) scripts/wheels.py $(TARGETS)

licences:
	$(PYTHON) scripts/licences.py --write

soak: soak-python test-cross fuzz
	env $(addprefix FLOWAI_,$(SOAK)) $(MAKE) test-durability
	env $(addprefix FLOWAI_,$(SOAK)) $(MAKE) soak-c

# Random sequences of calls of the C library, with another seed every time.
soak-c: $(VENV)/tools
	@scripts/need cargo cc
	$(CARGO) build -p flowai-testkit -p flowai-c
	FLOWAI_LIB_DIR=$(TARGET)/debug FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q -s tests/c/test_sequences.py

# Coverage-guided, with the address sanitizer in the Rust code: `make fuzz RUNS=50000000 FUZZ=bytes`.
RUNS ?= 1000000
fuzz: $(VENV)/tools
	@scripts/need cargo clang
	$(CARGO) build -p flowai-testkit
	$(BIN)/python tests/c/fuzz/run.py --runs $(RUNS) $(FUZZ)

soak-python: $(VENV)/installed $(VENV)/tools
	$(CARGO) build -p flowai-testkit -p flowai-cli
	env $(addprefix FLOWAI_,$(SOAK_PYTHON)) FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q \
	    tests/python/test_processes.py tests/python/test_interrupt.py tests/python/test_send_many.py

check: lint test
	$(MAKE) test-interpreters SHORT=--short
	FLOWAI_LIB_DIR=$(TARGET)/debug FLOWAI_BIN_DIR=$(TARGET)/debug $(BIN)/python -m pytest -q tests/extra

# Only for a change that is meant to move them.
costs: $(VENV)/installed $(VENV)/tools
	@scripts/need valgrind
	FLOWAI_UPDATE_COSTS=1 $(BIN)/python -m pytest -q -s tests/extra/test_costs.py

# The peers, in an environment of their own.
bench/.venv/peers: bench/requirements.txt
	@scripts/need $(PYTHON)
	$(PYTHON) -m venv bench/.venv
	bench/.venv/bin/python -m pip install --quiet -r bench/requirements.txt
	@touch $@

bench: bench/.venv/peers
	@scripts/need cargo cc curl curl-config strace taskset valgrind
	bench/.venv/bin/python bench/run.py $(ROW)

# Pictures for docs/performance.md of what `make bench` measured last.
charts: bench/.venv/peers
	bench/.venv/bin/python bench/charts.py

lint: $(VENV)/tools
	@scripts/need cargo
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --features flowai-delivery/failpoints -- -D warnings
	$(CARGO) clippy -p flowai-c --no-default-features --all-targets -- -D warnings
	$(CARGO) clippy -p flowai-c --no-default-features --features upload --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps $(RUST_CRATES)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict python/flowai
	$(BIN)/python -m pyright --pythonpath $(BIN)/python
	$(BIN)/python scripts/licences.py

install dist-c uninstall: export PREFIX := $(PREFIX)
install dist-c uninstall: export LIBDIR := $(LIBDIR)
install dist-c uninstall: export DESTDIR := $(DESTDIR)
install dist-c uninstall: export FEATURES := $(FEATURES)
install dist-c uninstall: export PROFILE := $(PROFILE)
install dist-c uninstall: export CARGO_TARGET_DIR := $(TARGET)

install dist-c:
	@scripts/need cargo cc objcopy
	@scripts/package-c $@

uninstall:
	@scripts/package-c $@

header:
	FLOWAI_UPDATE_HEADER=1 $(CARGO) test -p flowai-c --test header

# What programs that were built with the library rely on: `make check` compares. Only for what was added.
abi:
	@scripts/need abidw abidiff
	scripts/abi write

doxygen:
	@scripts/need doxygen
	@mkdir -p build/doxygen
	doxygen crates/flowai-c/Doxyfile

stubs: $(VENV)/installed $(VENV)/tools
	$(BIN)/python crates/flowai-python/stubs.py

# The package as users install it, again whenever a source changed.
SOURCES := $(shell find crates python pyproject.toml Cargo.toml Cargo.lock -type f -not -name '*.pyc' 2>/dev/null)

$(VENV)/bin/python:
	@scripts/need $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: $(VENV)/bin/python $(SOURCES)
	@scripts/need cargo
	@echo "building and installing the Python package into $(VENV); the first time takes some minutes"
	CARGO_TARGET_DIR=$(abspath $(TARGET)) $(BIN)/python -m pip install --quiet .
	@touch $@

$(VENV)/tools: $(VENV)/bin/python tests/requirements.txt
	$(BIN)/python -m pip install --quiet -r tests/requirements.txt
	@touch $@

clean:
	$(CARGO) clean
	rm -rf $(VENV)
