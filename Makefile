# Everything a person does here: demo, test, run. Each sets up what it needs.

# The first Python that will do; `make PYTHON=... test` names another one.
FITS := import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(shell for one in python3.11 python3.12 python3.13 python3; do \
	$$one -c '$(FITS)' 2>/dev/null && echo $$one && break; done)
PY := .venv/bin/python
export YOLO_AUTOINSTALL := 0
export YOLO_OFFLINE := 1
export ULTRALYTICS_SAFE_LOAD := 1
# Tests of real processes and of the clock, which want the machine to themselves.
ALONE := tests/demo tests/gpu/line tests/test_bot.py tests/test_kills.py tests/test_bad_starts.py tests/test_lost_trainings.py

.PHONY: help demo doctor test check models run service backup restore bench bench-pocket torture torture-long fullsize card pocket clean

help:
	@grep -E '^[a-z-]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 14

.venv/ready: pyproject.toml constraints.txt
	@test -x $(PY) || test -n "$(PYTHON)" || { echo "Pawtrait needs Python 3.11, 3.12 or 3.13 with its venv module \
	(Debian, Ubuntu: apt install python3-venv); make PYTHON=/path/to/python names one." >&2; exit 2; }
	test -x $(PY) || $(PYTHON) -m venv .venv
	$(PY) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@$(PY) -c 'import cv2' 2>/dev/null || { echo "OpenCV, which finds dogs, lacks libraries of the system \
	(Debian, Ubuntu: sudo apt install libgl1 libglib2.0-0); then the same again." >&2; exit 2; }
	touch $@

demo: .venv/ready  ## The whole bot against a Discord on this machine; ends with demo/index.html
	HF_HUB_OFFLINE=1 $(PY) -m tests.demo

test: .venv/ready check  ## Everything proved
	HF_HUB_OFFLINE=1 $(PY) -m pytest --numprocesses 4 --dist loadfile $(ALONE:%=--ignore=%)
	HF_HUB_OFFLINE=1 $(PY) -m pytest $(ALONE)

check: .venv/ready  ## Style and types
	$(PY) -m ruff check
	$(PY) -m ruff format --check
	$(PY) -m pyright

doctor: .venv/ready  ## What is missing on the way to a bot that runs, and the command that mends it
	@$(PY) -m cogs.ops.doctor

models: .venv/ready  ## Fetch the models that .env names; YOLO=a-seg.pt makes the segmenter of a file of yours
	@HF_HUB_OFFLINE=0 $(PY) -m cogs.ops.models $(if $(YOLO),--yolo '$(YOLO)')

run: .venv/ready  ## The bot, with the settings in .env
	$(PY) bot.py

service: .venv/ready  ## A systemd unit for this folder, to read and to install
	@$(PY) -m cogs.ops.service

backup: .venv/ready  ## All that the bot keeps in one file (TO=file), also while it runs
	@$(PY) -m cogs.ops.archive save $(TO)

restore: .venv/ready  ## Put a backup (FROM=file) back into an empty data folder
	@$(PY) -m cogs.ops.archive restore $(FROM)

bench: .venv/ready  ## How fast the bot answers while the GPU process is busy, and how long jobs take
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.answers
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.pocket jobs
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.look

bench-pocket: .venv/ready  ## What the pocket models can do, against their bars; the folder is outside the work tree
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.pocket --folder ../pawtrait-build/bench

torture: .venv/ready  ## Every promise about the line, measured: 200 simulated histories, 50 real blows...; 25 minutes
	HF_HUB_OFFLINE=1 $(PY) -m tests.torture
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.lost_trainings

torture-long: .venv/ready  ## 5,000 histories and 400 kills: hours; goes on where it was stopped
	HF_HUB_OFFLINE=1 $(PY) -m tests.torture --long

fullsize: .venv/ready  ## SDXL (SDXL_CONFIG=folder of its configs and tokenizers) and Llama at full width with random weights
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.fullsize '$(SDXL_CONFIG)'

card: .venv/ready  ## What this machine's card does at full size, with random weights, in 8 minutes; without a card, a try
	HF_HUB_OFFLINE=1 $(PY) -m tests.bench.card

pocket: .venv/ready  ## Train the pocket models on (hours); the build folder is outside the work tree
	$(PY) -m gpu.pocket.build --folder ../pawtrait-build

clean:  ## Forget the virtual environment and the demo
	rm -rf .venv demo
