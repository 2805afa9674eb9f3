# Targets of the house. `make help` lists them.

VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
FUZZTIME ?= 30s
COUNT    ?= 3
SOAK     ?= 20
KILLS    ?= 2000
SEED     ?= $(shell date +%s)
BENCH    ?=
CASES    ?=
TESTS    ?=

tool = go tool -modfile=tools/go.mod
scripts = $(shell grep -rlE '^\#!.*(ba)?sh$$' .ci scripts examples packaging)

.DEFAULT_GOAL := help
.PHONY: help build demo demo-stack test check lint fmt soak bench vm-test packages package-test screenshots docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 12

build: ## build the static binaries bin/phased, with the names it goes by, and bin/phased-fleet
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/ ./cmd/phased ./cmd/phased-fleet
	ln -sfn phased bin/os-refresh-config
	ln -sfn phased bin/dib-run-parts

demo: build ## bring the example web host up, break it and resume it, in a temporary directory
	scripts/need demo
	examples/demo.sh

demo-stack: build ## bring the example stack up, break it, resume it and clean it, in a temporary directory
	scripts/need demo
	examples/demo-stack.sh

test: build ## install what the tests need, then run all of them
	scripts/need test
	go vet ./...
	go test -race -shuffle=on -timeout 20m ./...

check: test lint package-test ## what CI runs

lint: ## run the linters over the code and the scripts
	scripts/need lint
	$(tool) golangci-lint run ./...
	shellcheck $(scripts)

fmt: ## format the code
	$(tool) gofumpt -w $$(git ls-files '*.go')

soak: build ## long repeats: COUNT times, random tests SOAK times as long, every fuzz target for FUZZTIME
	scripts/need test
	PHASED_SOAK=$(SOAK) PHASED_KILLS=$(KILLS) PHASED_SEED=$(SEED) go test -race -shuffle=on -count=$(COUNT) -timeout 120m ./...
	scripts/fuzz $(FUZZTIME)

bench: build ## compare with the originals and a C loop, in one run (BENCH='-rounds 9')
	scripts/need bench
	go run ./bench $(BENCH)

vm-test: build ## boot a Debian with systemd in a virtual machine and test the units there (CASES=a,d; all: into docs/vm-test.md)
	scripts/need vm
	scripts/vm-test -c '$(CASES)' $(if $(CASES),,-o docs/vm-test.md)

packages: ## make the deb and rpm packages for amd64 and arm64, in dist
	scripts/packages

package-test: ## make packages twice, and install, run, upgrade, remove and purge them in a tree (TESTS='deb')
	scripts/need package
	scripts/package-test $(TESTS)

screenshots: ## take the pictures of docs/pictures again, of real runs
	scripts/need test
	PHASED_PICTURES=$(CURDIR)/docs/pictures go test ./cmd/phased-fleet -run TestPictures -count 1

docs: ## write the pages that are made from the code again
	go test ./internal/journal -run EventsDocument -update
	go test ./internal/config -run SchemaDocument -update
	go test ./packaging/manual -run CommandsPage -update

clean: ## remove what was built
	rm -rf bin dist bench/out
