# The short commands. Each installs the packages it lacks (scripts/packages.txt), configures, builds.
SHELL := /bin/bash
PREFIX ?= /usr/local
SECONDS_PER_TARGET ?= 60

release := build/release
jobs := $(shell nproc)
engine_rooms := core ops autograd graph nn optim
empty :=
space := $(empty) $(empty)
# Not doctor and search, for time: `make asan asan_rooms='doctor search'` runs these two.
asan_rooms := core ops autograd graph nn optim image formats data classic models onnx hub report \
  train serve
# What these tests run, others run too; they look at the values alone, and take minutes here.
only_values := EveryModelLearns|EveryParameterGetsAGradient|StepProfileTest|SteadyStep|EspNet|without_avx512|EveryFrozenModel|EveryModelRoundTrips|CifarResNet|LayersGolden|DeepGraph|LightModels
# Several test programs share the processors: a waiting OpenMP thread must not spin.
run_tests = OMP_WAIT_POLICY=passive ctest --preset $(1) -j $(jobs) \
  --output-junit $(CURDIR)/build/$(1)/tests.xml $(2)

.PHONY: help
help:  ## print this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(release)/build.ninja  ## train, evaluate and use a small classifier on the built-in digits
	cmake --build --preset release --target fovea
	scripts/demo.sh $(release)/cli/fovea

.PHONY: build
build: $(release)/build.ninja  ## build everything: build/release
	cmake --build --preset release

.PHONY: test
test: build  ## build everything and run the tests
	$(call run_tests,release)

.PHONY: asan
asan: packages  ## most unit tests under address and undefined-behaviour sanitizers
	cmake --preset asan
	cmake --build --preset asan --target $(addsuffix _tests,$(asan_rooms)) replays
	$(call run_tests,asan,--tests-regex '^(fuzz|$(subst $(space),|,$(strip $(asan_rooms))))\.' \
	  --exclude-regex '$(only_values)')

.PHONY: aarch64
aarch64: packages  ## cross-compile for 64-bit ARM, without oneDNN, and run the engine's tests under qemu
	scripts/install_packages.sh aarch64
	cmake --preset aarch64
	cmake --build --preset aarch64 --target $(addsuffix _tests,$(engine_rooms))
	ctest --preset aarch64 -j $(jobs) --tests-regex '^($(subst $(space),|,$(engine_rooms)))\.'

.PHONY: tsan
tsan: packages  ## the engine's tests and the loader's under the thread sanitizer
	cmake --preset tsan
	cmake --build --preset tsan --target data_tests $(addsuffix _tests,$(engine_rooms))
	ctest --preset tsan -j $(jobs) --tests-regex '^(data|$(subst $(space),|,$(engine_rooms)))\.'

.PHONY: bench
bench: packages  ## measure everything and write bench/README.md (two hours; QUICK=1: no trainings)
	scripts/install_packages.sh bench
	cmake --preset release -DFOVEA_BUILD_BENCH=ON
	cmake --build --preset release
	QUICK='$(QUICK)' PEERS='$(PEERS)' FIGURES='$(FIGURES)' scripts/bench.sh $(release)

.PHONY: fuzz
fuzz: packages  ## fuzz the readers of files, SECONDS_PER_TARGET (60) seconds each
	scripts/install_packages.sh fuzz
	cmake --preset fuzz
	cmake --build --preset fuzz --target fuzzers
	scripts/fuzz.sh build/fuzz $(SECONDS_PER_TARGET)

.PHONY: format
format:  ## format the C++ files
	scripts/install_packages.sh format
	scripts/sources.sh | xargs clang-format-14 -i

.PHONY: check
check:  ## check format, includes between rooms, file sizes, docs
	scripts/install_packages.sh format
	scripts/format_check.sh
	scripts/house_check.sh
	scripts/docs_check.sh

.PHONY: install
install: build  ## install headers, libraries and fovea to PREFIX (/usr/local)
	cmake --install $(release) --prefix $(PREFIX)

.PHONY: clean
clean:  ## remove what was built
	rm -rf build

.PHONY: packages
packages:
	scripts/install_packages.sh build

$(release)/build.ninja: | packages
	cmake --preset release
