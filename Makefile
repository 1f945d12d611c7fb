# `make check` is what CI runs. `make` alone says what there is.

.DEFAULT_GOAL := help

help: ## say what there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

check: ## everything that a change must pass (15 minutes)
	.ci/run

test: ## the tests
	go test ./...

bench: ## simulated packets per second
	go test ./sim -run '^$$' -bench BenchmarkRun -benchtime 1s

generate: ## generated files
	go generate ./...

mutation: ## plant faults in the lazy executive and let the differential test find them
	RXPATH_MUTATION=1 go test ./internal/mutation -count=1 -v -timeout 30m

agree: ## the differential test on 5,000 random hosts
	RXPATH_CASES=5000 go test ./sim -run ExecutivesAgree -count=1 -timeout 30m

.PHONY: help check test bench generate mutation agree
