# Each target says what it does: make help
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
PYTEST_ARGS ?=
CLIENTS := tests/clients/node_modules/.package-lock.json
COMPILE = $(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help install demo test lint serve peers bench lock clean

help: ## say what each target does
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

install: $(BIN)/.installed ## make .venv with all that the tests need, and patron in it

$(BIN)/.installed: requirements/dev.txt requirements/uv.txt pyproject.toml
	@date +%s > .install-began
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes \
		--no-build-isolation-package pyspark -r requirements/dev.txt \
		|| $(BIN)/python -m pip install -q --require-hashes --no-build-isolation \
		-r requirements/dev.txt
	$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@echo "installed in $$(( $$(date +%s) - $$(cat .install-began) )) s" | tee $@
	@rm -f .install-began

# What the tests make a TypeScript client by; without Node those tests skip and say so.
$(CLIENTS): tests/clients/package-lock.json
	@if command -v npm >/dev/null; then \
		cd tests/clients && npm ci --ignore-scripts --no-audit --no-fund; \
	else echo "npm is missing: the tests of the TypeScript client will skip"; fi

demo: install ## the main job on an invented shop, from raw tables to an answer over HTTP
	$(BIN)/python scripts/demo.py

test: install $(CLIENTS) ## run every test, the linters and the type checker among them
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: install ## check form, types and the rooms' borders
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

serve: install ## answer over HTTP with the newest Bento, on 127.0.0.1:3000
	$(BIN)/patron serve

peers: install ## make .peers with the learners that benchmarks/quality.py compares with
	$(PYTHON) -m venv .peers
	$(BIN)/uv pip install -q --python .peers/bin/python --require-hashes -r requirements/peers.txt

bench: install peers ## run the benchmarks and print their tables
	$(BIN)/python -P benchmarks/shop.py
	$(BIN)/python -P benchmarks/features.py
	$(BIN)/python -P benchmarks/serving.py
	$(BIN)/python -P benchmarks/quality.py
	$(BIN)/python -P benchmarks/recipe.py
	$(BIN)/python -P benchmarks/season.py
	$(BIN)/python -P benchmarks/levels.py
	$(BIN)/python -P benchmarks/planted.py
	$(BIN)/python -P benchmarks/ladder.py
	$(BIN)/python -P benchmarks/ablation.py
	$(BIN)/python -P benchmarks/worth.py
	$(BIN)/python -P benchmarks/choice.py
	$(BIN)/python -P benchmarks/evaluation.py
	$(BIN)/python -P benchmarks/spark.py
	$(BIN)/python -P benchmarks/sampling.py

lock: install ## write requirements/*.txt anew, with hashes
	$(COMPILE) pyproject.toml --extra train --extra serve --extra spark \
		--extra dev -o requirements/dev.txt
	$(COMPILE) pyproject.toml --extra serve -c requirements/dev.txt -o requirements/serve.txt
	printf 'autogluon.tabular[catboost,lightgbm,xgboost]\nflaml[automl]\n' | $(COMPILE) - -o requirements/peers.txt
	printf 'setuptools\nuv\n' | $(COMPILE) - -o requirements/uv.txt

clean: ## remove what demo and the tools left behind
	rm -rf demo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache
