# The two commands: `make run` starts the whole product on this machine,
# `make test` proves it. Both install what is missing first.

SHELL   := /bin/bash
GO      ?= go
BIN     := bin
DATA    ?= data
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
TOOLS   := $(shell $(GO) env GOPATH)/bin
export PATH := $(TOOLS):$(PATH)

# command or file it gives : Debian package it comes from
RUN_NEEDS  := initdb:postgresql espeak-ng:espeak-ng
TEST_NEEDS := $(RUN_NEEDS) sipp:sip-tester baresip:baresip chromium:chromium kamailio:kamailio \
	/usr/lib/*/kamailio/modules/tls.so:kamailio-tls-modules \
	/usr/lib/*/kamailio/modules/websocket.so:kamailio-websocket-modules
VERSITYGW   := v1.8.0
MAILPIT     := v1.27.11
STATICCHECK := v0.8.2

.PHONY: build run test interop chaos faults short race bench bench-quick check fuzz screens needs-run needs-test clean

build:
	$(GO) build -o $(BIN)/ringbid ./cmd/ringbid

run: needs-run build
	exec $(BIN)/ringbid demo --data $(DATA)

test: needs-test
	$(GO) vet ./...
	$(GO) test -timeout 14m ./...
	$(GO) test -count=1 -run TestFaults -v ./cmd/ringbid/trade
	RINGBID_LEADS=2000 $(GO) test -count=1 -timeout 5m -run TestLeadsSurvive -v ./cmd/ringbid

# Every case of the telephone edge against a foreign peer, as a table.
interop: needs-test
	@set -o pipefail; $(GO) test -count=1 -timeout 10m -v ./sip/interop | grep -v -E "^ *(=== |--- PASS)"

# Leads through faults, node kills and a restart of the database.
LEADS ?= 20000
chaos: needs-test
	RINGBID_LEADS=$(LEADS) $(GO) test -count=1 -timeout 30m -run TestLeadsSurvive -v ./cmd/ringbid

# What becomes of a lead for each fault and each method, as a table.
faults: needs-test
	$(GO) test -count=1 -run TestFaults -v ./cmd/ringbid/trade

short:
	$(GO) test -short ./...

race: needs-test
	$(GO) test -race -timeout 30m ./...

bench: needs-run build
	exec $(BIN)/ringbid bench

# The instruments of the bench, in small.
bench-quick: needs-run build
	exec $(BIN)/ringbid bench --quick

screens: needs-test
	$(GO) test -count=1 -run TestScreens ./web/webtest -args -screens $(CURDIR)/screens

check: needs-test
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@$(STATICCHECK) ./...
	$(GO) test -run TestImports .

# Each parser that meets the network, for FUZZTIME each and FUZZTOTAL seconds
# together; FUZZ narrows it to names such as FuzzInspect or to packages such as
# ./sip/. One line a target. What breaks a target is kept by go test under
# testdata/fuzz of its package and belongs into the commit of the repair; other
# finds stay in the build cache and are where the next run goes on.
FUZZTIME  ?= 20s
FUZZTOTAL ?= 3600
FUZZ      ?= .
fuzz:
	@set -o pipefail; out=$$(mktemp); trap 'rm -f '$$out EXIT; began=$$SECONDS; failed=0; ran=0; left=0; \
	for x in $$(grep -rE --include='*_test.go' -o '^func Fuzz[A-Za-z0-9_]+' . | sed -E 's|/[^/]+:func |:|' | sort | grep -e '$(FUZZ)'); do \
	  p=$${x%%:*}; f=$${x##*:}; \
	  if [ $$((SECONDS - began)) -ge $(FUZZTOTAL) ]; then left=$$((left + 1)); continue; fi; \
	  ran=$$((ran + 1)); start=$$SECONDS; result=ok; \
	  timeout -k 10 $$(($(FUZZTOTAL) - SECONDS + began + 60)) $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5s $$p >$$out 2>&1 || result=FAIL; \
	  if [ $$result = FAIL ] && ! grep -qE 'Failing input|panic|fatal error|build failed|cannot|terminated' $$out && grep -q 'context deadline exceeded' $$out; then result=ok; fi; \
	  printf '%-4s %-22s %-22s %10s execs %6s new %5ds\n' $$result $$p $$f \
	    "$$(grep -oE 'execs: [0-9]+' $$out | tail -1 | cut -d' ' -f2)" "$$(grep -oE 'new interesting: [0-9]+' $$out | tail -1 | cut -d' ' -f3)" $$((SECONDS - start)); \
	  if [ $$result = FAIL ]; then failed=$$((failed + 1)); tail -40 $$out; fi; \
	done; \
	echo "$$ran targets, $$failed failed, $$left not begun in $(FUZZTOTAL) s"; [ $$failed = 0 ] && [ $$ran -gt 0 ]

# $(call needs,list): installs the packages whose command or file is neither on
# PATH nor among PostgreSQL's own folders.
define needs
	@missing=""; for n in $(1); do c=$${n%%:*}; p=$${n##*:}; \
	  command -v $$c >/dev/null || ls $$c /usr/lib/postgresql/*/bin/$$c 2>/dev/null | grep -q . || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then echo "installing$$missing"; \
	  $(SUDO) apt-get update -q && DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get install -y -q --no-install-recommends $$missing; fi
endef

needs-run:
	$(call needs,$(RUN_NEEDS))
	@command -v mailpit >/dev/null || $(GO) install github.com/axllent/mailpit@$(MAILPIT)

needs-test:
	$(call needs,$(TEST_NEEDS))
	@command -v mailpit >/dev/null || $(GO) install github.com/axllent/mailpit@$(MAILPIT)
	@command -v versitygw >/dev/null || $(GO) install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW)

clean:
	rm -rf $(BIN) screens
