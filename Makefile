# The two commands of the README, and what they need. On Windows without make, the README lists the same steps.
SHELL := /bin/sh
# `make report SPARK=1` and the like use the environment that holds pyspark too.
VENV := $(if $(SPARK),.venv-spark,.venv)
SCRIPTS := $(if $(filter Windows_NT,$(OS)),Scripts,bin)
BIN := $(VENV)/$(SCRIPTS)
READY := $(VENV)/.ready
# The first Python that is new enough, not too new, and able to make a virtual environment.
FIND_PYTHON = for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null && echo $$python && break; done

# The stages call `python`, which must be the one that was set up.
WITH_PATH = PATH="$(CURDIR)/$(BIN):$$PATH"

.PHONY: report pack test test-spark lab setup benchmark benchmark-linkage benchmark-scale northshire

# DVC asks for git unless it is told otherwise; an unpacked reviewer pack has none.
report: $(READY)
	@git rev-parse --git-dir >/dev/null 2>&1 || $(WITH_PATH) dvc config --local core.no_scm true
	@$(WITH_PATH) python -m pipeline.check
	@$(WITH_PATH) dvc repro
	@echo "Open reports/evaluation.html or reports/evaluation.pdf."

# What a reviewer gets: the report, its tables and everything to make it again, searched for personal details and checked.
pack: $(READY)
	@$(WITH_PATH) python -m pipeline.pack
	@$(WITH_PATH) python -m pipeline.verify_pack reviewer-pack.zip

test: $(READY)
	@$(WITH_PATH) python -m pytest

# In an environment of its own; needs Java, and says so where there is none.
test-spark: .venv-spark/.ready
	@.venv-spark/$(SCRIPTS)/python -m pytest tests_spark --numprocesses=0 -rs

lab: $(READY)
	@$(WITH_PATH) jupyter lab --notebook-dir=.

setup: $(READY)

northshire: $(READY)
	@$(WITH_PATH) python -m pipeline.second_force

benchmark: $(READY)
	@$(WITH_PATH) python benchmarks/run.py

# The linkage against others: about ten minutes, with an environment of recordlinkage's own under data/derived.
benchmark-linkage: $(READY)
	@$(WITH_PATH) python benchmarks/linkage_accuracy.py

# Time and memory up to fifteen million contacts: hours, and some 20 GiB under data/derived.
benchmark-scale: $(READY)
	@$(WITH_PATH) python benchmarks/linkage_scale.py 100000 1500000 15000000

.venv/.ready: requirements.lock pyproject.toml
.venv-spark/.ready: requirements-spark.lock pyproject.toml

# The packages come from the lock with their hashes, uv first because it installs the rest in seconds.
.venv/.ready .venv-spark/.ready:
	@python=$$($(FIND_PYTHON)); test -n "$$python" || { echo "No Python 3.11 to 3.13 that can make a virtual environment was found. Install one (on Debian: python3 and python3-venv)." >&2; exit 1; }; \
	echo "Setting up $(@D), once: about a minute."; test -d $(@D) || $$python -m venv $(@D)
	@awk '/^uv==/ {found = 1} found {print} found && !/\\$$/ {exit}' $< > $(@D)/uv.txt
	@$(@D)/$(SCRIPTS)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r $(@D)/uv.txt
	@$(@D)/$(SCRIPTS)/uv pip sync --quiet --python $(@D) --require-hashes $<
	@$(@D)/$(SCRIPTS)/uv pip install --python $(@D) --quiet --no-deps --no-build-isolation -e .
	@! git rev-parse --git-dir >/dev/null 2>&1 || { test $(@D) != .venv && git config filter.nbstripout.clean >/dev/null; } || $(@D)/$(SCRIPTS)/nbstripout --install
	@touch $@
