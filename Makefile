# `make` alone lists what there is. The only thing that counts is `make check`.
.DEFAULT_GOAL := help
.PHONY: help check test race bench generate fuzz mutation rules agree golden lint clean

FUZZTIME ?= 10s
BENCH    ?= .
CASES    ?= 5000

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "%-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

check: ## everything that a change must pass (.ci/run)
	.ci/run

test: ## all tests, as the README says
	go test ./...

lint: ## gofmt, go vet, staticcheck
	ONLY="format vet staticcheck" .ci/run

race: ## the packages with goroutines under the race detector
	ONLY=race .ci/run

generate: ## write the generated code and pages again
	go generate ./...

golden: ## the golden runs at other GOMAXPROCS and on other platforms
	ONLY=elsewhere .ci/run

fuzz: ## every fuzz target for FUZZTIME
	FUZZTIME=$(FUZZTIME) ONLY=fuzz .ci/run

mutation: ## plant faults in the lazy executive: the differential test must find each
	ONLY=mutation .ci/run

rules: ## plant the mutation of every rule in docs/rules.md: the test that pins it must fail
	RULES=0/1 ONLY=rules .ci/run

agree: ## the differential test on CASES random hosts
	RXPATH_CASES=$(CASES) go test -count=1 -timeout 60m -run ExecutivesAgree ./sim

bench: ## the benchmarks that match BENCH, six times each, for benchstat
	go test -run '^$$' -bench '$(BENCH)' -count 6 ./...

clean: ## remove what builds and profiles leave behind
	rm -f rxpath *.test *.prof *.out
