# Two commands: `make demo` runs the whole pipeline on the embedded images, `make test` all tests.
# Each sets up all it needs in .venv; PYTHON names the interpreter to make it with (3.11 or later).

PYTHON ?= python3
BIN := .venv/bin
CORES ?= 2
DEMO := $(BIN)/snakemake --cores $(CORES) --configfile workflow/presets/demo.yaml --rerun-incomplete --show-failed-logs

BENCHMARKS := augmentation training_step labelling reading proportion accuracy planner start_up
SCALE ?= 0.01

.PHONY: demo test venv lint bench clean

demo: .venv/ready
	$(DEMO) --quiet rules
	@$(BIN)/mimic show results/demo/table2.csv
	@echo "Figures: results/demo/figure1.png results/demo/figure2.png"
	@echo "All on one page: results/demo/report.html"

test: lint
	$(BIN)/pytest tests/unit tests/properties -n $(CORES)
	$(BIN)/pytest tests/workflow -n $(CORES)
	$(BIN)/pytest tests/e2e -n $(CORES)

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow

bench: .venv/ready
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[bench]"
	for script in $(BENCHMARKS); do echo "== $$script"; $(BIN)/python benchmarks/$$script.py || exit 1; done
	$(BIN)/python benchmarks/paper_on_one_gpu.py --scale $(SCALE) --work $$(mktemp -d)
	$(BIN)/python benchmarks/tabulate_results.py

venv: .venv/ready

# Runtime and tests; made again when what is to be installed has changed.
.venv/ready: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and "error: PYTHON=$(PYTHON) is %d.%d, expected 3.11 or later" % v)'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[test]"
	@touch $@

clean:
	rm -rf .venv results/demo
