# Kith: a customer data platform inside your process.
# `make` alone lists what can be made.

GO      ?= go
BIN     := bin/kith
DEMO    := demo/shop.kith
export CGO_ENABLED = 1

.DEFAULT_GOAL := help

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

tools:
	@command -v $(GO) >/dev/null || { echo "kith needs Go 1.26 or newer: see https://go.dev/dl" >&2; exit 1; }
	@command -v c++ >/dev/null || command -v g++ >/dev/null || { echo "kith needs a C++ compiler: apt-get install g++, or your system's like" >&2; exit 1; }

build: tools ## build bin/kith
	@$(GO) build -o $(BIN) ./cmd/kith

demo: build ## a world of 100,000 people and 2 million events, and what comes out of it
	@$(BIN) demo $(DEMO)

test: tools ## run the tests (about 8 minutes on 2 cores)
	@$(GO) test -timeout 25m ./engine/enginetest ./... # the longest first, so that the others run beside it

agree: tools ## ask 10,000 random conditions, each answered in every way there is (some 7 minutes)
	@KITH_CONDITIONS=$${KITH_CONDITIONS:-10000} $(GO) test -timeout 40m -count=1 -v -run TestThreeWaysOneAnswer ./engine/enginetest

race: tools ## run the packages with goroutines under the race detector
	@$(GO) test -race -short -timeout 15m ./storage/ ./engine/

prove: tools ## run the long proofs: kills, power cuts, flips, streams (hours; goes on where it stopped)
	@KITH_PROVE=1 $(GO) test -timeout 12h -v -count=1 -run TestKilledLoads ./cmd/kith
	@KITH_PROVE=1 $(GO) test -timeout 12h -v -p 1 ./engine/enginetest
	@KITH_PROVE=1 $(GO) test -timeout 2h -v -run TestKilledLoadsAccountForEveryRow ./cmd/kith

lint: tools ## gofmt, go vet, staticcheck
	@test -z "$$(gofmt -l .)" || { gofmt -l .; exit 1; }
	@$(GO) vet ./...
	@$(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2 ./...

embed: tools ## build the example service as an embedding program would
	@cd docs/examples/embed && $(GO) build -o /dev/null .

bench: build ## measure, at size S
	@$(BIN) bench --size S

clean: ## remove what was built
	@rm -rf bin demo

.PHONY: help tools build demo test agree race prove lint embed bench clean
