# scoregap.  `make` builds, `make sweep` is the main job, `make test` checks; `make help` lists the rest.

CC      = gcc
ARCH    = native
PREFIX  = /usr/local
OUT     = build
MODULES = base numeric family dictionary spectrum bound estimate store

VERSION   = 0.1.0
SOVERSION = 0

PKGS     = gsl hdf5 lapacke openblas yaml-0.1 jansson libmd
PKG      = pkg-config --define-variable=GSL_CBLAS_LIB=
DEPFLAGS = $(shell $(PKG) --cflags $(PKGS) 2>/dev/null)
# SLEEF before everything: its vector functions must win over those of libmvec, which -lm brings in.
DEPLIBS  = -lsleefgnuabi $(shell $(PKG) --libs $(PKGS) 2>/dev/null) -lm

WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Werror=implicit-function-declaration
OPT      = -O3
ifeq ($(BUILD),asan)
override OUT := $(OUT)/asan
OPT      = -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
endif
# -fno-math-errno and -fno-trapping-math let loops with exp and comparisons vectorize and change no value.
CFLAGS   = -std=gnu17 -D_GNU_SOURCE $(OPT) -march=$(ARCH) -ffp-contract=off -fno-math-errno -fno-trapping-math -fopenmp -fPIC \
           -fvisibility=default $(WARN) -Iinclude -Isrc $(DEPFLAGS) -MMD -MP
LDFLAGS  = -fopenmp $(if $(filter asan,$(BUILD)),-fsanitize=address$(comma)undefined)
comma   := ,
Q        = $(if $(V),,@)

SRC      = $(foreach m,$(MODULES),$(sort $(wildcard src/$(m)/*.c)))
OBJ      = $(SRC:%.c=$(OUT)/%.o)
LIB      = $(OUT)/libscoregap.a
SIM      = $(sort $(wildcard sim/*.c))
SIMOBJ   = $(SIM:%.c=$(OUT)/%.o)
TESTS    = $(sort $(wildcard $(foreach m,$(MODULES),tests/$(m)/test_*.c)))
TESTBIN  = $(TESTS:%.c=$(OUT)/%)

.PHONY: all
all: $(OUT)/scoregap

$(OUT)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc    $<"
	$(Q)$(CC) $(CFLAGS) -c $< -o $@

$(LIB): $(OBJ)
	@echo "  ar    $@"
	@rm -f $@
	$(Q)ar rcs $@ $^

$(OUT)/scoregap: $(SIMOBJ) $(LIB)
	@echo "  link  $@"
	$(Q)$(CC) $(LDFLAGS) $^ $(DEPLIBS) -o $@

$(OUT)/tests/%: $(OUT)/tests/%.o $(LIB)
	@echo "  link  $@"
	$(Q)$(CC) $(LDFLAGS) $^ -lcmocka $(DEPLIBS) -o $@

-include $(OBJ:.o=.d) $(SIMOBJ:.o=.d) $(TESTBIN:=.d)
