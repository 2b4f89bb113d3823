# Everything that one does with a working copy. Needs git, make and the .NET 10 SDK; the rest is seen to by each target.
SHELL := /bin/bash
.DEFAULT_GOAL := help

# Debian packages; empty either one to skip its check.
PACKAGES ?= bubblewrap
TEST_PACKAGES ?= bubblewrap skopeo strace e2fsprogs chromium chromium-driver openssl python3
# Tests run with assertions on; what is shown and measured is Release.
TEST_CONFIGURATION ?= Debug

STELE := out/run/stele
BENCH := bench/Stele.Bench/bin/Release/net10.0/Stele.Bench

.PHONY: help tour up test soak bench publish clean

help:
	@echo 'make tour [DATA=DIR]      watch one AI system being governed, step by step, on real data'
	@echo 'make up [DATA=DIR]        server and node on this machine'
	@echo 'make test [ARGS=...]      every test; ARGS go to the test runner, as in ARGS='"'"'-class "*Ledger*"'"'"
	@echo 'make soak [ARGS=...]      what takes hours: kills, floods, millions; in Release'
	@echo 'make bench [ONLY=name] [ROW=text] [JSON=1]   measurements, each beside the limit of this machine'
	@echo 'make publish              out/stele and out/stele-verify, one self-contained file each'
	@echo 'make clean                remove what was built'

tour:
	@eng/packages.sh $(PACKAGES)
	@eng/build.sh Ahead src/Stele/Stele.csproj src/Stele.Verify/Stele.Verify.csproj
	@$(STELE) tour $(if $(DATA),--data '$(DATA)')

up:
	@eng/packages.sh $(PACKAGES)
	@eng/build.sh Ahead src/Stele/Stele.csproj
	@exec $(STELE) up $(if $(DATA),--data '$(DATA)')

test:
	@eng/packages.sh $(TEST_PACKAGES)
	@eng/build.sh $(TEST_CONFIGURATION) stele.slnx
	@eng/test.sh $(TEST_CONFIGURATION) $(ARGS)

# The tests that are marked explicit, and no others.
soak:
	@eng/packages.sh $(TEST_PACKAGES)
	@eng/build.sh Release stele.slnx
	@eng/test.sh Release -explicit only $(ARGS)

bench:
	@eng/packages.sh $(PACKAGES)
	@eng/build.sh Ahead src/Stele/Stele.csproj
	@eng/build.sh Release bench/Stele.Bench/Stele.Bench.csproj
	@$(BENCH) $(ONLY) $(if $(ROW),--row "$(ROW)") $(if $(JSON),--json)

publish:
	@eng/publish.sh

clean:
	@rm -rf out
	@find src test bench samples -type d \( -name bin -o -name obj \) -prune -exec rm -rf {} + 2>/dev/null || true
