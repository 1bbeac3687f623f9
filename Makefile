# scoregap.  `make` builds, `make sweep` is the main job, `make test` checks; `make help` lists the rest.

CC      = gcc
ARCH    = native
PREFIX  = /usr/local
OUT     = build
MODULES = base numeric family dictionary spectrum bound estimate store

VERSION   = 0.1.0
SOVERSION = 0

# What one runs without asking: as many jobs as there are processors.  `make -j1` still means one.
ifeq ($(MAKELEVEL)$(filter -j% --jobs%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(shell nproc 2>/dev/null || echo 2)
endif

PKGS     = gsl hdf5 lapacke openblas arpack yaml-0.1 jansson libmd
PKG      = pkg-config --define-variable=GSL_CBLAS_LIB=
# Asked once, when first needed: after `deps` has had its turn.
DEPFLAGS = $(eval DEPFLAGS := $$(shell $(PKG) --cflags $(PKGS) 2>/dev/null))$(DEPFLAGS)
PKGLIBS  = $(eval PKGLIBS := $$(shell $(PKG) --libs $(PKGS) 2>/dev/null))$(PKGLIBS)
# SLEEF before everything: its vector functions must win over those of libmvec, which -lm brings in.
DEPLIBS  = -lsleefgnuabi $(PKGLIBS) -lcholmod -lm

WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=implicit-function-declaration
OPT      = -O3
ifeq ($(BUILD),asan)
override OUT := $(OUT)/asan
OPT      = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
# -fno-math-errno and -fno-trapping-math let loops with exp and comparisons vectorize and change no value.
CODEGEN  = -std=gnu17 $(OPT) -march=$(ARCH) -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp -fPIC
CFLAGS   = -D_GNU_SOURCE $(CODEGEN) -fvisibility=default $(WARN) -Iinclude -Isrc $(DEPFLAGS) -MMD -MP
LDFLAGS  = -fopenmp $(if $(filter asan,$(BUILD)),-fsanitize=address$(comma)undefined)
comma   := ,
Q        = $(if $(V),,@)

SRC      = $(foreach m,$(MODULES),$(sort $(wildcard src/$(m)/*.c src/$(m)/*/*.c)))
OBJ      = $(SRC:%.c=$(OUT)/%.o)
LIB      = $(OUT)/libscoregap.a
SONAME   = libscoregap.so.$(SOVERSION)
SHARED   = $(OUT)/libscoregap.so.$(VERSION)
SIM      = $(sort $(wildcard sim/*.c))
SIMOBJ   = $(SIM:%.c=$(OUT)/%.o)
TESTS    = $(sort $(wildcard $(foreach m,$(MODULES) sim,tests/$(m)/test_*.c)))
SCRIPTS  = $(sort $(wildcard tests/cli/test_*.sh tests/install/test_*.sh))
TESTBIN  = $(TESTS:%.c=$(OUT)/%)
BENCH    = $(patsubst %.c,$(OUT)/%,$(sort $(wildcard tests/bench/*.c)))

.PHONY: all
all: $(OUT)/scoregap

# Rewritten only when they change: another compiler, other flags; another commit.
$(OUT)/flags: FORCE
	@$(PKG) --exists $(PKGS) 2>/dev/null || { echo "Libraries are missing: \`make deps\` installs them." >&2; exit 1; }
	@mkdir -p $(@D)
	@tools/keep.sh $@ '$(CC) $(subst ','\'',$(CFLAGS))'
$(OUT)/provenance: FORCE
	@mkdir -p $(@D)
	@tools/provenance.sh '$(CODEGEN)' | tools/keep.sh $@
.PHONY: FORCE
FORCE:

$(OUT)/%.o: %.c $(OUT)/flags
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

# Only here, so that a commit compiles one file.
$(OUT)/sim/provenance.o: private CFLAGS += @$(OUT)/provenance
$(OUT)/sim/provenance.o: $(OUT)/provenance

$(LIB): $(OBJ)
	@echo "  ar    $@"
	@rm -f $@
	$(Q)ar rcs $@ $^

$(SHARED): $(OBJ)
	@echo "  link  $@"
	$(Q)$(CC) -shared -Wl,-soname,$(SONAME) -Wl,--as-needed $(LDFLAGS) $^ $(DEPLIBS) -o $@

$(OUT)/scoregap: $(SIMOBJ) $(LIB)
	@echo "  link  $@"
	$(Q)$(CC) $(LDFLAGS) $^ $(DEPLIBS) -o $@

# Tests of the program's own files link them too, without its main.
$(OUT)/tests/sim/%: $(OUT)/tests/sim/%.o $(filter-out $(OUT)/sim/main.o,$(SIMOBJ)) $(LIB)
	@echo "  link  $@"
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(DEPLIBS) -o $@

$(OUT)/tests/%: $(OUT)/tests/%.o $(LIB)
	@echo "  link  $@"
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(DEPLIBS) -o $@

# Objects of tests are kept.
.SECONDARY:

-include $(OBJ:.o=.d) $(SIMOBJ:.o=.d) $(TESTBIN:=.d) $(BENCH:=.d)

# ---------------------------------------------------------------- packages

.PHONY: deps
deps:
	@tools/deps.sh packages.txt

# -------------------------------------------------------------- experiments

# One after the other: packages, then the program, then the experiments.
.PHONY: sweep
sweep: deps
	@$(MAKE) --no-print-directory all
	@OUT='$(OUT)' THREADS='$(THREADS)' SMOKE='$(SMOKE)' tools/sweep.sh

.PHONY: verify
verify: all
	@OUT='$(OUT)' SMOKE='$(SMOKE)' tools/verify.sh

.PHONY: bench
bench: $(BENCH)
	@tests/bench/run.sh $(OUT)/tests/bench

# -------------------------------------------------------------------- tests

.PHONY: test test-programs
test: deps
	@$(MAKE) --no-print-directory test-programs
	@OUT='$(OUT)' BUILD='$(BUILD)' VERSION='$(VERSION)' CC='$(CC)' CFLAGS='$(subst ','\'',$(CFLAGS))' LDFLAGS='$(LDFLAGS)' \
	  DEPLIBS='$(DEPLIBS)' tools/run-tests.sh $(if $(BUILD),$(filter tests/cli/%,$(SCRIPTS)),$(SCRIPTS)) $(TESTBIN)
test-programs: all $(TESTBIN) $(if $(BUILD),,$(SHARED))

.PHONY: lint
lint: $(SHARED)
	@CC='$(CC)' VERSION='$(VERSION)' tools/lint.sh $(SHARED)

# ------------------------------------------------------------- installation

DEST = $(DESTDIR)$(PREFIX)
.PHONY: install uninstall
install: all $(LIB) $(SHARED)
	install -d $(DEST)/bin $(DEST)/lib/pkgconfig $(DEST)/include/scoregap $(DEST)/share/man/man1 \
	  $(DEST)/share/scoregap/experiments $(DEST)/share/scoregap/plots
	install -m 755 $(OUT)/scoregap $(DEST)/bin/scoregap
	install -m 755 $(SHARED) $(DEST)/lib/libscoregap.so.$(VERSION)
	ln -sf libscoregap.so.$(VERSION) $(DEST)/lib/$(SONAME)
	ln -sf $(SONAME) $(DEST)/lib/libscoregap.so
	install -m 644 $(LIB) $(DEST)/lib/libscoregap.a
	install -m 644 include/scoregap.h $(DEST)/include/scoregap.h
	install -m 644 include/scoregap/*.h $(DEST)/include/scoregap/
	sed -e 's|@PREFIX@|$(PREFIX)|' -e 's|@VERSION@|$(VERSION)|' scoregap.pc.in > $(DEST)/lib/pkgconfig/scoregap.pc
	chmod 644 $(DEST)/lib/pkgconfig/scoregap.pc
	install -m 644 doc/scoregap.1 $(DEST)/share/man/man1/scoregap.1
	install -m 644 sim/experiments/*.yaml $(DEST)/share/scoregap/experiments/
	install -m 644 plots/*.gp $(DEST)/share/scoregap/plots/
	@if [ -z '$(DESTDIR)' ] && [ "$$(id -u)" = 0 ]; then ldconfig 2>/dev/null || true; fi

uninstall:
	rm -f $(DEST)/bin/scoregap $(DEST)/lib/libscoregap.so $(DEST)/lib/$(SONAME) $(DEST)/lib/libscoregap.so.$(VERSION) \
	  $(DEST)/lib/libscoregap.a $(DEST)/lib/pkgconfig/scoregap.pc $(DEST)/include/scoregap.h $(DEST)/share/man/man1/scoregap.1
	rm -rf $(DEST)/include/scoregap $(DEST)/share/scoregap

.PHONY: clean
clean:
	rm -rf $(OUT)

.PHONY: help
help:
	@echo "make                    builds build/scoregap; installs no packages"
	@echo "make sweep              packages, build, every experiment, every figure, a table at the end"
	@echo "make test               packages, build, tests; ends in 'N passed, N failed'"
	@echo "make deps               installs what is missing from packages.txt, nothing else"
	@echo "make lint               layout, headers, symbols, format"
	@echo "make verify             compares results with results/expected"
	@echo "make bench              timings beside NumPy and SciPy's (ONLY='fused gap line grid cube moments nodewise orthant lifted', ROUNDS=, LARGE=1)"
	@echo "make install            program, libraries, headers, scoregap.pc, man page; make uninstall takes them away"
	@echo "make clean              removes build/"
	@echo
	@echo "NO_INSTALL=1            deps, sweep, test: print the command that installs packages, install nothing"
	@echo "THREADS=2               sweep: threads of the program (default: all); results do not depend on it"
	@echo "SMOKE=1                 sweep, verify: the small version of every experiment, in build/smoke"
	@echo "BUILD=asan              all, test: with the address and undefined-behaviour sanitizers, in build/asan"
	@echo "TIER=2                  test: also the cases that take more than seconds"
	@echo "PREFIX=/usr/local DESTDIR=   install, uninstall"
	@echo "ARCH=native             all: processor to compile for (x86-64-v3 for packages)"
	@echo "V=1                     show the commands"
