# Every target installs what it needs first (scripts/deps: quick and offline when nothing is missing).
.DEFAULT_GOAL := help
.PHONY: run build test test-race torture simulate keyed-model restore-drill contract lint notices clean help
.PHONY: bench bench-ingest bench-query bench-visible bench-aged bench-check bench-guard

run: build ## Build and start the server on its embedded default (127.0.0.1:8080, ./duckmesh-data)
	@exec .build/release/duckmesh serve

build: ## Build duckmesh and duckmeshctl, optimised
	@scripts/deps run
	swift build --configuration release

test: ## Run all tests, with their oracle and a real PostgreSQL installed
	@scripts/deps test
	@scripts/test

# The sanitizer needs a build of its own, and the lock type that it can see.
race_suites = FoundationTests|ConsistencyTests|StoreConformanceTests|HTTPServerTests|CoordinatorTests|PostgreSQLTests

test-race: ## Run the suites of the concurrent parts under the thread sanitizer (slow)
	@scripts/deps test
	swift test --sanitize=thread -Xswiftc -DDUCKMESH_RACE_CHECK --scratch-path .build/race \
	  --filter '^($(race_suites))\.'

# QUICK=1 is the short form, ONLY=single,batches chooses questions; see docs/benchmarks.md.
bench_run = scripts/deps bench && swift build --configuration release --product duckmesh && \
  exec /usr/bin/python3 -m bench

bench: ## Measure DuckMesh beside its peers, all questions (QUICK=1 is the short form)
	@$(bench_run)

bench-ingest: ## Single events, batches, tenants, latency under load
	@$(bench_run) ingest

bench-query: ## Queries against plain DuckDB on the same files, start and idle
	@$(bench_run) query

bench-visible: ## Write to visible, waiting and not waiting
	@$(bench_run) visible

bench-aged: ## An aged table against ideal files, and growth
	@$(bench_run) aged

bench-check: ## Test the parts of the benchmarks that need no server
	@PYTHONDONTWRITEBYTECODE=1 /usr/bin/python3 -m unittest discover --quiet \
	  --start-directory bench/tests --top-level-directory .

bench-guard: ## Hold the instructions of the hot paths against the recorded ones (WRITE=1 records)
	@scripts/deps bench
	swift build --configuration release --product HotPaths
	@WRITE=$(WRITE) /usr/bin/python3 -m bench.guard

torture: ## Torture real processes over a real PostgreSQL, SECONDS (600) long, from SEED (drawn)
	@scripts/deps test
	@DUCKMESH_TORTURE_SECONDS=$(or $(SECONDS),600) DUCKMESH_TORTURE_SEED=$(SEED) \
	  scripts/test --filter '^ServerTests\.TortureTests'

simulate: ## Run simulated histories, HISTORIES of them (5000000), from SEED (drawn)
	@scripts/deps test
	@DUCKMESH_TEST_HISTORIES=$(or $(HISTORIES),5000000) DUCKMESH_TEST_SEED=$(SEED) \
	  scripts/test --filter '^SimulationTests\.SimulatedHistoryTests'

keyed-model: ## Run keyed tables through RUNS (50) random lives of OPERATIONS (200) over each store, from SEED (drawn)
	@scripts/deps test
	@DUCKMESH_KEYED_RUNS=$(or $(RUNS),50) DUCKMESH_KEYED_OPERATIONS=$(or $(OPERATIONS),200) \
	  DUCKMESH_TEST_SEED=$(SEED) scripts/test --filter '^CoordinatorTests\.KeyedModelTests'

restore-drill: ## Put catalogs back from backups and adopt them, over SQLite and a real PostgreSQL
	@scripts/deps test
	@scripts/test --filter '^ServerTests\.(RestoreTests|RestoredDatabaseTests)'

contract: ## Hold a running server against api/openapi.yaml, EXAMPLES (100) for each operation, from SEED (drawn)
	@scripts/deps contract
	@swift build --configuration release --product duckmesh
	@EXAMPLES=$(EXAMPLES) SEED=$(SEED) scripts/contract

lint: ## Check the format of the Swift sources and the syntax of the scripts
	swift format lint --strict --recursive Sources Tests Package.swift
	@for script in scripts/* .ci/run; do [ -d "$$script" ] || bash -n "$$script" || exit 1; done

notices: build ## Write THIRD_PARTY_NOTICES anew from what the programs link
	scripts/notices > .build/notices && mv .build/notices THIRD_PARTY_NOTICES

clean: ## Remove build products; installed dependencies in .deps stay
	rm -rf .build

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
