SHELL := /usr/bin/env bash -o pipefail
.DEFAULT_GOAL := help

# The same flags for every target, so that make run and make test share one build cache. Nothing needs a C
# compiler, the VCS stamp (a tarball or a foreign owner must build too) or the path of the checkout.
export CGO_ENABLED := 0
export GOFLAGS := $(filter-out -buildvcs=% -trimpath%,$(GOFLAGS)) -buildvcs=false -trimpath

GO     ?= go
TOOL   := $(GO) tool -modfile=go.tools.mod
BUILD  := $(GO) build -ldflags='-s -w'
FORMAT := goimports -local github.com/evenkeel/evenkeel
SOURCE  = $(shell git ls-files -co --exclude-standard '*.go' ':!:*zz_generated*')

# The Debian package whose server an integration test reads usage from. It is unpacked under bin/ rather
# than installed: an installed one would start a service.
PROMETHEUS := $(or $(shell command -v prometheus),bin/debian/usr/bin/prometheus)

.PHONY: help
help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/evenkeel, bin/metrics-adapter, bin/peakshaver, bin/scheduler and bin/simulator.
	@$(BUILD) -o bin/ ./cmd/evenkeel ./cmd/metrics-adapter ./cmd/peakshaver ./cmd/scheduler ./cmd/simulator 1>&2

.PHONY: run
run: ## Compare stock and evenkeel on an embedded control plane. ARGS='--output json', --keep or '--scenario scale-down'.
	@$(BUILD) -o bin/ ./cmd/evenkeel 1>&2
	@bin/evenkeel up $(ARGS)

.PHONY: test
test: $(PROMETHEUS) ## Run every test, unit and integration.
	PATH="$$PATH:$(CURDIR)/bin/debian/usr/bin" $(GO) test -timeout 20m ./...

bin/debian/usr/bin/prometheus:
	@command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null || \
		{ echo "the tests need a prometheus server in PATH: install it with your package manager" >&2; exit 1; }
	@mkdir -p bin/debian
	@{ if [ "$$(id -u)" = 0 ]; then apt-get update -qq; fi; \
		cd bin/debian && apt-get download -qq -o APT::Sandbox::User=root prometheus && dpkg-deb -x prometheus_*.deb . && rm prometheus_*.deb; } >&2

.PHONY: verify
verify: ## Regenerate, format, tidy and vet; fail on any difference.
	@set -e; state() { git status --porcelain; git diff; }; \
	before=$$(state); $(GO) generate ./...; after=$$(state); \
	if [ "$$before" != "$$after" ]; then \
		echo "generated files were stale; commit what git diff shows:"; git status --short; exit 1; fi
	@set -e; files=$$($(TOOL) $(FORMAT) -l $(SOURCE)); \
	if [ -n "$$files" ]; then echo "not formatted, run make format:"; echo "$$files"; exit 1; fi
	$(GO) mod tidy -diff
	$(GO) vet ./...

.PHONY: format
format: ## Format the source and its imports.
	@$(TOOL) $(FORMAT) -w $(SOURCE)

.PHONY: lint
lint: ## Run golangci-lint, pinned in go.tools.mod.
	$(TOOL) golangci-lint run

# Benchmarks write their results to a file, so that what else they say stays off standard output. scheduler_perf
# finds its files by the path it was compiled from, which -trimpath would hide.
.PHONY: bench
bench: export GOFLAGS := -buildvcs=false
bench: export BENCH_PROMETHEUS_ADAPTER := $(CURDIR)/bin/peers-adapter
bench: $(if $(filter-out adapter,$(AREA)),,bin/peers-adapter) ## Measure; one JSON object a line. AREA=scheduler, BENCH=regexp, BENCHFLAGS=-short for less.
	@results=$$(mktemp) && trap 'rm -f "$$results"' EXIT && \
	{ BENCH_RESULTS="$$results" $(GO) test -p 1 -run '^$$' -bench '$(or $(BENCH),.)' -benchtime 1x -timeout 2h $(BENCHFLAGS) \
		./test/bench/$(if $(AREA),$(AREA),...) >&2; status=$$?; cat "$$results"; exit $$status; }

.PHONY: peers
peers: bin/peers-scheduler ## Compare with Trimaran's plugins too, at a speed that their polling bears (half an hour). ARGS as for run.
	@$(BUILD) -o bin/ ./cmd/evenkeel 1>&2
	@bin/evenkeel up --speed 6 \
		--peer 'trimaran-tlp=$(CURDIR)/test/peers/run.sh TargetLoadPacking' \
		--peer 'trimaran-lvrb=$(CURDIR)/test/peers/run.sh LoadVariationRiskBalancing' $(ARGS)

# A module of its own: its Kubernetes is older than ours.
bin/peers-scheduler: $(wildcard test/peers/*.go) test/peers/go.mod test/peers/go.sum
	@cd test/peers && $(BUILD) -o ../../bin/peers-scheduler . 1>&2

bin/peers-adapter: test/peers/adapter/go.mod test/peers/adapter/go.sum
	@cd test/peers/adapter && $(BUILD) -o ../../../bin/peers-adapter sigs.k8s.io/prometheus-adapter/cmd/adapter 1>&2
