# epochd: build, test, install. `make help` lists what there is. One file, GNU make.
#
#   make V=1            show the commands
#   make O=/tmp/build   build elsewhere (default: build)
#   make SAN=asan       with AddressSanitizer and UBSan, in build-asan (also: tsan)
#   make CC=clang

VERSION := 0.1.0

CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
INSTALL ?= install
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/epochd
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
DESTDIR ?=
JSON_SCHEMA_TEST_SUITE ?= ../shared/json-schema-test-suite
YAML_TEST_SUITE ?= ../shared/yaml-test-suite
export JSON_SCHEMA_TEST_SUITE YAML_TEST_SUITE

SAN ?=
O ?= build$(addprefix -,$(SAN))$(if $(findstring clang,$(CC)),-clang)

.DEFAULT_GOAL := all

# --- flags ---------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef -Wvla -Wwrite-strings
WERROR ?= -Werror
BASE := -std=gnu11 -g -D_GNU_SOURCE -Isrc -Iinclude -DEPOCHD_VERSION='"$(VERSION)"' -fvisibility=hidden -fno-common

ifeq ($(SAN),asan)
MODE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(SAN),tsan)
MODE := -O1 -fno-omit-frame-pointer -fsanitize=thread
else
probe = $(shell echo 'int main(void){return 0;}' | $(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo $(1))
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing \
	$(foreach f,-fcf-protection=full -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fstrict-flex-arrays=3 -Wbidi-chars=any -Wtrampolines,$(call probe,$(f)))
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,-z,separate-code
MODE := -O2 $(HARDEN)
endif

CORE_PKGS := libgit2 libsodium libmosquitto yaml-0.1
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(CORE_PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(CORE_PKGS) 2>/dev/null)
ALL_CFLAGS = $(BASE) $(MODE) $(WARN) $(WERROR) -fPIE $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(MODE) -pie $(HARDEN_LD) -Wl,--as-needed,--no-copy-dt-needed-entries $(LDFLAGS)
LIBS = $(PKG_LIBS) -linotifytools -pthread

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-6s %s\n'
endif

# --- what is built -------------------------------------------------------------------------------------------------

FLOORS := util model io verify config
CORE_SRC := $(sort $(foreach f,$(FLOORS),$(wildcard src/$(f)/*.c)))
DAEMON_SRC := $(sort $(wildcard src/daemon/*.c))
CLI_SRC := $(sort $(wildcard src/cli/*.c))
object = $(patsubst %.c,$(O)/%.o,$(1))

# main.c of each program is one call; everything else is an archive that tests and fuzzers link too.
CORE_LIB := $(O)/libcore.a
DAEMON_LIB := $(O)/libdaemon.a
CLI_LIB := $(O)/libcli.a
PROGRAMS := $(O)/epochd $(O)/epochctl

all: $(PROGRAMS) ## Build epochd and epochctl (man pages too, where scdoc is installed)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(CORE_LIB): $(call object,$(CORE_SRC))
$(DAEMON_LIB): $(call object,$(filter-out %/main.c,$(DAEMON_SRC)))
$(CLI_LIB): $(call object,$(filter-out %/main.c,$(CLI_SRC)))
$(CORE_LIB) $(DAEMON_LIB) $(CLI_LIB):
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(O)/epochd: $(O)/src/daemon/main.o $(DAEMON_LIB) $(CORE_LIB)
$(O)/epochctl: $(O)/src/cli/main.o $(CLI_LIB) $(CORE_LIB)
$(PROGRAMS):
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- tests ---------------------------------------------------------------------------------------------------------

UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(UNIT_SRC))

$(O)/tests/unit/test_%: $(O)/tests/unit/test_%.o $(DAEMON_LIB) $(CLI_LIB) $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS) -lcmocka
.PRECIOUS: $(O)/tests/unit/test_%.o

unit-build: $(UNIT_BIN)

clean: ## Remove what was built
	rm -rf build build-*

.PHONY: all unit-build clean

-include $(patsubst %.c,$(O)/%.d,$(CORE_SRC) $(DAEMON_SRC) $(CLI_SRC) $(UNIT_SRC))
