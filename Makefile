# epochd: build, test, install. `make help` lists what there is. One file, GNU make.
#
#   make V=1            show the commands
#   make O=/tmp/build   build elsewhere (default: build)
#   make SAN=asan       with AddressSanitizer and UBSan, in build-asan (also: tsan)
#   make FAIL=1         with failpoints for the tests, in build-fail
#   make CC=clang

VERSION := 0.1.0

CC ?= cc
ifeq ($(origin CC),default)
CC := gcc
endif
AR ?= ar
LD ?= ld
OBJCOPY ?= objcopy
PKG_CONFIG ?= pkg-config
PYTHON ?= /usr/bin/python3
INSTALL ?= install
PREFIX ?= /usr/local
BINDIR ?= $(PREFIX)/bin
SBINDIR ?= $(PREFIX)/sbin
LIBDIR ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR ?= $(PREFIX)/share/man
DOCDIR ?= $(PREFIX)/share/doc/epochd
SYSCONFDIR ?= /etc
UNITDIR ?= $(PREFIX)/lib/systemd/system
USERUNITDIR ?= $(PREFIX)/lib/systemd/user
SYSUSERSDIR ?= $(PREFIX)/lib/sysusers.d
TMPFILESDIR ?= $(PREFIX)/lib/tmpfiles.d
BASHDIR ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR ?= $(PREFIX)/share/zsh/site-functions
FISHDIR ?= $(PREFIX)/share/fish/vendor_completions.d
# Where python3 of Debian looks, for what is under /usr and for what is not.
PYTHONDIR ?= $(PREFIX)/lib/python3$(if $(filter-out /usr,$(PREFIX)),.$(shell $(PYTHON) -c 'import sys; print(sys.version_info.minor)'))/dist-packages
DESTDIR ?=
JSON_SCHEMA_TEST_SUITE ?= ../shared/json-schema-test-suite
YAML_TEST_SUITE ?= ../shared/yaml-test-suite
export JSON_SCHEMA_TEST_SUITE YAML_TEST_SUITE

SAN ?=
FAIL ?=
O ?= build$(if $(FAIL),-fail)$(addprefix -,$(SAN))$(if $(findstring clang,$(CC)),-clang)

.DEFAULT_GOAL := all

# --- flags ---------------------------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wshadow -Wformat=2 -Wconversion -Wsign-conversion -Wimplicit-fallthrough -Wstrict-prototypes \
	-Wmissing-prototypes -Wpointer-arith -Wcast-qual -Wundef -Wvla -Wwrite-strings
# A warning is an error with the compilers this was built with (gcc 12 and 14, clang 14 and 19). What a newer one thinks of next is no
# reason not to build.
ifeq ($(origin WERROR),undefined)
WERROR := $(if $(filter 12 14 19,$(firstword $(subst ., ,$(shell $(CC) -dumpversion 2>/dev/null)))),-Werror)
endif
BASE := -std=gnu11 -g -D_GNU_SOURCE -Isrc -I$(O)/gen -Iinclude -DEPOCHD_VERSION='"$(VERSION)"' -fvisibility=hidden -fno-common

# Instrumented code makes gcc see uninitialised variables that are not.
ifneq ($(SAN),)
ifeq ($(findstring clang,$(CC)),)
WARN += -Wno-maybe-uninitialized
endif
endif
ifeq ($(SAN),asan)
MODE := -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
else ifeq ($(SAN),tsan)
MODE := -O1 -fno-omit-frame-pointer -fsanitize=thread
else ifeq ($(SAN),fuzz)
MODE := -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
else ifeq ($(SAN),coverage)
MODE := -O0 --coverage -fprofile-update=atomic
else
probe = $(shell echo 'int main(void){return 0;}' | $(CC) -Werror $(1) -x c -o /dev/null - 2>/dev/null && echo $(1))
HARDEN := -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fstack-clash-protection \
	-fno-delete-null-pointer-checks -fno-strict-overflow -fno-strict-aliasing \
	$(foreach f,-fcf-protection=full -ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr -fstrict-flex-arrays=3 -Wbidi-chars=any -Wtrampolines,$(call probe,$(f)))
HARDEN_LD := -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen,-z,separate-code
MODE := -O2 $(HARDEN)
endif

ifneq ($(FAIL),)
BASE += -DEPOCHD_FAILPOINTS
endif

CORE_PKGS := libgit2 libsodium libmosquitto yaml-0.1 zlib libpcre2-8
PKG_CFLAGS := $(shell $(PKG_CONFIG) --cflags $(CORE_PKGS) 2>/dev/null)
PKG_LIBS := $(shell $(PKG_CONFIG) --libs $(CORE_PKGS) 2>/dev/null)
ALL_CFLAGS = $(BASE) $(MODE) $(WARN) $(WERROR) -fPIC $(PKG_CFLAGS) $(CPPFLAGS) $(CFLAGS)
ALL_LDFLAGS = $(MODE) -pie $(HARDEN_LD) -Wl,--as-needed,--no-copy-dt-needed-entries $(LDFLAGS)
LIBS = $(PKG_LIBS) -linotifytools -lm -pthread

ifeq ($(V),1)
Q :=
say = @:
else
Q := @
say = @printf '  %-6s %s\n'
endif

comma := ,

# --- what is built -------------------------------------------------------------------------------------------------

FLOORS := util model schema io verify config
CORE_SRC := $(sort $(foreach f,$(FLOORS),$(wildcard src/$(f)/*.c)))
DAEMON_SRC := $(sort $(wildcard src/daemon/*.c))
CLI_SRC := $(sort $(wildcard src/cli/*.c))
CLIENT_SRC := $(sort $(wildcard src/client/*.c))
object = $(patsubst %.c,$(O)/%.o,$(1))

# main.c of each program is one call; everything else is an archive that tests and fuzzers link too.
CORE_LIB := $(O)/libcore.a
DAEMON_LIB := $(O)/libdaemon.a
CLI_LIB := $(O)/libcli.a
CLIENT_LIB := $(O)/libclient.a
PROGRAMS := $(O)/epochd $(O)/epochctl

all: $(PROGRAMS) libraries ## Build epochd, epochctl and libepoch (man pages too, where scdoc is installed)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(say) CC $<
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The metaschemas as C strings.
META_DEF := $(patsubst src/%.json,$(O)/gen/%.def,$(wildcard src/schema/meta/*.json))
$(META_DEF): $(O)/gen/%.def: src/%.json
	@mkdir -p $(@D)
	$(Q)sed -e 's/^ *//' -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^.*$$/"&\\n"/' $< > $@
$(O)/src/schema/metaschema.o tidy/src/schema/metaschema.c: $(META_DEF)

$(CORE_LIB): $(call object,$(CORE_SRC))
$(DAEMON_LIB): $(call object,$(filter-out %/main.c,$(DAEMON_SRC)))
$(CLI_LIB): $(call object,$(filter-out %/main.c,$(CLI_SRC)))
$(CLIENT_LIB): $(call object,$(CLIENT_SRC))
$(CORE_LIB) $(DAEMON_LIB) $(CLI_LIB) $(CLIENT_LIB):
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^

# The client library: one object of what it needs of the floors below, where nothing but epoch_… is global. The same goes into the
# shared one, whose symbols have versions (src/client/libepoch.map: names are only ever added).
EPOCH_ABI := 0
EPOCH_A := $(O)/libepoch.a
EPOCH_SO := $(O)/libepoch.so.$(EPOCH_ABI)
EPOCH_LIBS := $(shell $(PKG_CONFIG) --libs libsodium libmosquitto 2>/dev/null) -lm -pthread
libraries: $(EPOCH_A) $(EPOCH_SO)

$(O)/libepoch.o: $(call object,$(CLIENT_SRC)) $(CORE_LIB)
	$(say) LD $@
	$(Q)$(LD) -r -o $@.whole $^ && $(OBJCOPY) --wildcard --keep-global-symbol='epoch_*' $@.whole $@ && rm -f $@.whole
$(EPOCH_A): $(O)/libepoch.o
	$(say) AR $@
	$(Q)rm -f $@ && $(AR) rcs $@ $^
# It is never unloaded: a thread of it may still be looking up a name when the last client is closed.
$(EPOCH_SO): $(O)/libepoch.o src/client/libepoch.map
	$(say) LD $@
	$(Q)$(CC) $(MODE) -shared $(subst -z$(comma)nodlopen$(comma),,$(HARDEN_LD)) $(if $(SAN),,-Wl,-z,defs) -Wl,--as-needed \
		-Wl,-z,nodelete -Wl,-soname,$(@F) -Wl,--version-script=src/client/libepoch.map $(LDFLAGS) -o $@ $< $(EPOCH_LIBS)
	$(Q)ln -sf $(@F) $(O)/libepoch.so
PC = sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR)|; s|@INCLUDEDIR@|$(INCLUDEDIR)|; s|@VERSION@|$(VERSION)|'

$(O)/epochd: $(O)/src/daemon/main.o $(DAEMON_LIB) $(CORE_LIB)
# epochctl uses the client library as any application does: by its header and its archive.
$(O)/epochctl: $(O)/src/cli/main.o $(CLI_LIB) $(EPOCH_A) $(CORE_LIB)
$(PROGRAMS):
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# --- tests ---------------------------------------------------------------------------------------------------------

UNIT_SRC := $(sort $(wildcard tests/unit/test_*.c))
UNIT_BIN := $(patsubst tests/unit/%.c,$(O)/tests/unit/%,$(UNIT_SRC))
FUZZ_SRC := $(sort $(wildcard tests/fuzz/fuzz_*.c))
REPLAY_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(O)/tests/fuzz/replay_%,$(FUZZ_SRC))
FUZZ_BIN := $(patsubst tests/fuzz/fuzz_%.c,$(O)/tests/fuzz/fuzz_%,$(FUZZ_SRC))
INTEROP_SRC := $(sort $(wildcard tests/interop/*.c))
INTEROP_BIN := $(patsubst tests/interop/%.c,$(O)/tests/interop/%,$(INTEROP_SRC))

# In the tests of want of memory our own allocations go through tests/unit/malloc_sweep.h; libraries keep theirs.
MEMORY_BIN := $(filter $(O)/tests/unit/test_memory_%,$(UNIT_BIN))
$(MEMORY_BIN): private ALL_LDFLAGS += $(foreach f,malloc calloc realloc reallocarray strdup strndup realpath getcwd \
	fdopendir asprintf __asprintf_chk free,-Wl$(comma)--wrap=$(f))

$(UNIT_BIN): $(O)/tests/unit/%: $(O)/tests/unit/%.o $(DAEMON_LIB) $(CLI_LIB) $(CLIENT_LIB) $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(DAEMON_LIB) $(CLI_LIB) $(CLIENT_LIB) $(CORE_LIB) $(LIBS) -lcmocka
$(INTEROP_BIN): $(O)/tests/interop/%: $(O)/tests/interop/%.o $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(REPLAY_BIN): $(O)/tests/fuzz/replay_%: $(O)/tests/fuzz/fuzz_%.o $(O)/tests/fuzz/replay.o $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
# Benchmarks: tests/bench/bench.py runs what this program measures.
BENCH_SRC := $(filter-out tests/bench/consumer.c,$(sort $(wildcard tests/bench/*.c)))
CONSUMER := $(O)/tests/bench/consumer
$(CONSUMER): $(O)/tests/bench/consumer.o $(CLIENT_LIB) $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
$(O)/tests/bench/bench: $(call object,$(BENCH_SRC)) $(DAEMON_LIB) $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)
.SECONDARY:

# What the programs of tests/torture are helped by.
TRACER := $(O)/tests/torture/tracer
$(TRACER): $(O)/tests/torture/tracer.o
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^

DAMAGE := $(O)/tests/torture/damage
$(DAMAGE): $(O)/tests/torture/damage.o $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $^ $(LIBS)

# Applications of libepoch, for the integration tests: linked as applications are, or with a sanitizer against the archive.
PROBE := $(O)/tests/integration/probe
HOST := $(O)/tests/integration/host
$(PROBE) $(HOST): $(O)/%: $(O)/%.o $(EPOCH_A) $(EPOCH_SO)
	$(say) LD $@
	$(Q)$(CC) $(MODE) -pie -o $@ $< $(if $(SAN),$(EPOCH_A) $(EPOCH_LIBS),$(EPOCH_SO) -Wl$(comma)-rpath$(comma)'$$ORIGIN/../..') \
		$(if $(filter $(HOST),$@),-lmosquitto)
# One that loads it, so none of it may be linked.
PLUGIN := $(O)/tests/integration/plugin
$(PLUGIN): $(O)/tests/integration/plugin.o
	$(say) LD $@
	$(Q)$(CC) $(MODE) -pie -o $@ $< -ldl

# Examples are built as their readers would: against the header and the library, nothing else.
EXAMPLE_SRC := $(sort $(wildcard examples/*.c))
EXAMPLE_BIN := $(patsubst %.c,$(O)/%,$(EXAMPLE_SRC))
DRIVER := $(O)/tests/conformance/driver
$(EXAMPLE_BIN) $(DRIVER): $(O)/%: $(O)/%.o $(EPOCH_A) $(EPOCH_SO)
	$(say) LD $@
	$(Q)$(CC) $(MODE) -pie -o $@ $< $(if $(SAN),$(EPOCH_A) $(EPOCH_LIBS),$(EPOCH_SO) -Wl$(comma)-rpath$(comma)$(abspath $(O))) \
		$(if $(filter $(DRIVER),$@),-lsodium)
examples: $(EXAMPLE_BIN)

FAILING_MALLOC := $(O)/tests/torture/failing_malloc.so
$(FAILING_MALLOC): tests/torture/failing_malloc.c
	@mkdir -p $(@D)
	$(say) LD $@
	$(Q)$(CC) $(BASE) $(WARN) $(WERROR) -O2 -fPIC -shared -o $@ $< -ldl

tests-build: all $(UNIT_BIN) $(INTEROP_BIN) $(REPLAY_BIN) $(PROBE) $(HOST) $(PLUGIN) $(EXAMPLE_BIN) $(DRIVER) $(TRACER) $(DAMAGE) $(FAILING_MALLOC) $(O)/tests/bench/bench $(CONSUMER) $(if $(SAN)$(FAIL),,failpoints)

failpoints: ## epochd with failpoints, for tests alone: build-fail/epochd
	@$(MAKE) --no-print-directory FAIL=1 O=build-fail build-fail/epochd


# What is missing is installed before make looks for libraries, so the work is done by a second make.
check: ## Install what is missing, build, and pass the tests: N passed, N failed, N skipped
	@tests/tools/deps.sh check
	@$(MAKE) --no-print-directory tests-build
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/tools/check.py $(CHECK)

# Figures, not tests: nothing fails because a machine is slow.
bench: all $(O)/tests/bench/bench $(CONSUMER) ## Measure the speed beside other ways, print the targets, write build/bench.md (QUICK=1: two minutes)
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/bench/bench.py $(if $(QUICK),--quick) --out $(O)/bench.md
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/bench/consumer.py $(if $(QUICK),--quick) --out $(O)/bench.md
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/bench/schemas.py $(if $(QUICK),--quick) --out $(O)/bench.md

instructions: all ## Count instructions with callgrind and compare with the baseline (tests/bench/instructions.txt)
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/bench/instructions

unit: tests-build ## The unit tests and the fuzz corpora alone
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/tools/check.py unit fuzz

# The full figures take an hour or more; the table is left in $(O)/torture.md.
torture: ## Kills, faults, power cuts, hostile brokers in full (TORTURE="names", QUICK=1), and one table of the figures
	@tests/tools/deps.sh check
	@$(MAKE) --no-print-directory tests-build
	@EPOCHD_BUILD=$(O) $(PYTHON) tests/torture/run.py $(if $(QUICK),--quick) $(TORTURE)

run: ## Install what is missing, build, and show the main job on a private broker
	@tests/tools/deps.sh run
	@$(MAKE) --no-print-directory all
	@EPOCHD_BUILD=$(O) examples/scene.sh

house: ## Guard the floors of src/
	@$(PYTHON) tests/tools/house.py

asan: ## Unit tests, corpora and integration with AddressSanitizer and UBSan
	@$(MAKE) --no-print-directory SAN=asan tests-build
	@EPOCHD_BUILD=build-asan ASAN_OPTIONS=detect_leaks=1:abort_on_error=1 \
		LSAN_OPTIONS=suppressions=$(CURDIR)/tests/tools/lsan-suppressions:print_suppressions=0 UBSAN_OPTIONS=print_stacktrace=1 \
		$(PYTHON) tests/tools/check.py $(or $(CHECK),unit fuzz integration)

tsan: ## What has threads, with ThreadSanitizer
	@$(MAKE) --no-print-directory SAN=tsan tests-build
	@EPOCHD_BUILD=build-tsan TSAN_OPTIONS=halt_on_error=1 $(PYTHON) tests/tools/check.py threads

# libFuzzer with its own instrumentation of everything of ours; FUZZ_SECONDS each. A crash ends it, with the input in build-fuzz/.
FUZZ_SECONDS ?= 60
fuzz: ## Fuzz every target for FUZZ_SECONDS (default 60), starting from the corpora (FUZZ="json yaml" chooses)
	@$(MAKE) --no-print-directory SAN=fuzz CC=clang O=build-fuzz fuzz-run
fuzz-run: $(if $(FUZZ),$(patsubst %,$(O)/tests/fuzz/fuzz_%,$(FUZZ)),$(FUZZ_BIN))
	$(Q)for bin in $^; do name=$${bin##*fuzz_}; mkdir -p $(O)/corpus/$$name; echo "fuzz $$name"; \
		$$bin -max_total_time=$(FUZZ_SECONDS) -timeout=5 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix=$(O)/ \
		$(O)/corpus/$$name tests/fuzz/corpus/$$name 2>$(O)/$$name.log || { tail -n 40 $(O)/$$name.log; exit 1; }; \
		grep -E 'stat::number_of_executed_units|stat::peak_rss_mb' $(O)/$$name.log; done
$(FUZZ_BIN): $(O)/tests/fuzz/fuzz_%: $(O)/tests/fuzz/fuzz_%.o $(CORE_LIB)
	$(say) LD $@
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $^ $(LIBS)

# What never ran says nothing about what is right; it says where no test ever looked.
coverage: ## Lines and branches that the unit tests and corpora run, by floor and file (CHECK="unit fuzz integration" adds)
	@$(MAKE) --no-print-directory SAN=coverage O=build-coverage tests-build
	@find build-coverage -name '*.gcda' -delete
	@EPOCHD_BUILD=build-coverage $(PYTHON) tests/tools/check.py $(or $(CHECK),unit fuzz)
	@$(PYTHON) tests/tools/coverage.py build-coverage

headers: ## Every header compiles alone
	$(Q)for header in $$(cd src && ls */*.h); do echo "#include \"$$header\"" | \
		$(CC) $(BASE) $(WARN) -Werror $(PKG_CFLAGS) -fsyntax-only -x c - || exit 1; done

TIDY := $(addprefix tidy/,$(CORE_SRC) $(DAEMON_SRC) $(CLI_SRC) $(CLIENT_SRC))
$(TIDY): tidy/%:
	$(say) TIDY $*
	$(Q)clang-tidy --quiet $* -- $(BASE) $(PKG_CFLAGS) 2>/dev/null

lint: $(TIDY) ## clang-tidy and cppcheck over src/ (make -j2 lint)
	$(Q)cppcheck --quiet --std=c11 --error-exitcode=1 --enable=warning,performance,portability --inline-suppr \
		--suppressions-list=tests/tools/cppcheck-suppressions --template=gcc -D_GNU_SOURCE -DEPOCHD_VERSION='"x"' -Isrc src
	@$(PYTHON) tests/tools/house.py

# --- documents ------------------------------------------------------------------------------------------------------

MAN_SRC := $(sort $(wildcard docs/man/*.scd))
MAN := $(patsubst docs/man/%.scd,$(O)/man/%,$(MAN_SRC))
SCDOC := $(shell command -v scdoc 2>/dev/null)

$(O)/man/%: docs/man/%.scd
	@mkdir -p $(@D)
	$(say) MAN $@
	$(Q)scdoc <$< >$@

# What the table of verbs says is written there alone: epochctl puts it in place of two marks.
$(O)/man/epochctl.1.scd: docs/man/epochctl.1.scd $(O)/epochctl
	@mkdir -p $(@D)
	$(Q)for part in options verbs; do $(O)/epochctl help --manual $$part >$(O)/man/$$part || exit 1; done
	$(Q)sed -e '/^@options@$$/{r $(O)/man/options' -e 'd}' -e '/^@verbs@$$/{r $(O)/man/verbs' -e 'd}' $< >$@
$(O)/man/epochctl.1: $(O)/man/epochctl.1.scd
	$(say) MAN $@
	$(Q)scdoc <$< >$@

man: $(MAN) ## Manual pages (needs scdoc)
ifneq ($(SCDOC),)
all: man
endif

# --- install ---------------------------------------------------------------------------------------------------------

# Without it the loader does not know of a new library; where it does not look, or in a package's root, there is nothing to renew.
RENEW_LD_CACHE = $(if $(filter 0:,$(shell id -u):$(DESTDIR)),$(if $(filter /usr/%,$(LIBDIR)),/sbin/ldconfig))
install: all ## Install under PREFIX (default /usr/local), DESTDIR before it
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(BINDIR) $(DESTDIR)$(DOCDIR) $(DESTDIR)$(SYSCONFDIR)/epochd
	$(INSTALL) -m 0755 $(O)/epochd $(DESTDIR)$(SBINDIR)/epochd
	$(INSTALL) -m 0755 $(O)/epochctl $(DESTDIR)$(BINDIR)/epochctl
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/epoch
	$(INSTALL) -m 0644 $(EPOCH_SO) $(EPOCH_A) $(DESTDIR)$(LIBDIR)/
	ln -sf $(notdir $(EPOCH_SO)) $(DESTDIR)$(LIBDIR)/libepoch.so
	$(RENEW_LD_CACHE)
	$(PC) src/client/epoch.pc.in >$(DESTDIR)$(LIBDIR)/pkgconfig/epoch.pc
	$(INSTALL) -m 0644 include/epoch/epoch.h $(DESTDIR)$(INCLUDEDIR)/epoch/epoch.h
	$(INSTALL) -d $(DESTDIR)$(PYTHONDIR)/epoch && $(INSTALL) -m 0644 src/python/epoch/*.py src/python/epoch/py.typed $(DESTDIR)$(PYTHONDIR)/epoch/
	$(INSTALL) -m 0644 README.md LICENSE docs/*.md docs/alerts.yml $(DESTDIR)$(DOCDIR)/
	$(INSTALL) -d $(DESTDIR)$(DOCDIR)/examples && cp -R examples/* $(DESTDIR)$(DOCDIR)/examples/
	$(INSTALL) -d $(DESTDIR)$(UNITDIR) $(DESTDIR)$(USERUNITDIR) $(DESTDIR)$(SYSUSERSDIR) $(DESTDIR)$(TMPFILESDIR)
	sed 's|@SBINDIR@|$(SBINDIR)|g' systemd/epochd.service >$(DESTDIR)$(UNITDIR)/epochd.service
	sed 's|@SBINDIR@|$(SBINDIR)|g' systemd/user/epochd.service >$(DESTDIR)$(USERUNITDIR)/epochd.service
	$(INSTALL) -d $(DESTDIR)$(DOCDIR)/drop-ins && $(INSTALL) -m 0644 systemd/drop-ins/*.conf $(DESTDIR)$(DOCDIR)/drop-ins/
	$(INSTALL) -m 0644 systemd/epochd.sysusers $(DESTDIR)$(SYSUSERSDIR)/epochd.conf
	$(INSTALL) -m 0644 systemd/epochd.tmpfiles $(DESTDIR)$(TMPFILESDIR)/epochd.conf
	$(INSTALL) -d $(DESTDIR)$(BASHDIR) $(DESTDIR)$(ZSHDIR) $(DESTDIR)$(FISHDIR)
	$(O)/epochctl completion bash >$(DESTDIR)$(BASHDIR)/epochctl
	$(O)/epochctl completion zsh >$(DESTDIR)$(ZSHDIR)/_epochctl
	$(O)/epochctl completion fish >$(DESTDIR)$(FISHDIR)/epochctl.fish
	for page in $(notdir $(MAN)); do dir=$(DESTDIR)$(MANDIR)/man$${page##*.}; $(INSTALL) -d $$dir; \
		[ ! -e $(O)/man/$$page ] || $(INSTALL) -m 0644 $(O)/man/$$page $$dir/; done

uninstall: ## Remove what install put there; keys, state and settings stay
	rm -f $(DESTDIR)$(SBINDIR)/epochd $(DESTDIR)$(BINDIR)/epochctl $(DESTDIR)$(UNITDIR)/epochd.service \
		$(DESTDIR)$(USERUNITDIR)/epochd.service $(DESTDIR)$(SYSUSERSDIR)/epochd.conf $(DESTDIR)$(TMPFILESDIR)/epochd.conf
	rm -f $(DESTDIR)$(BASHDIR)/epochctl $(DESTDIR)$(ZSHDIR)/_epochctl $(DESTDIR)$(FISHDIR)/epochctl.fish
	rm -f $(DESTDIR)$(LIBDIR)/libepoch.a $(DESTDIR)$(LIBDIR)/libepoch.so $(DESTDIR)$(LIBDIR)/$(notdir $(EPOCH_SO)) \
		$(DESTDIR)$(LIBDIR)/pkgconfig/epoch.pc $(DESTDIR)$(INCLUDEDIR)/epoch/epoch.h
	rm -rf $(DESTDIR)$(DOCDIR) $(DESTDIR)$(PYTHONDIR)/epoch
	for page in $(notdir $(MAN)); do rm -f $(DESTDIR)$(MANDIR)/man$${page##*.}/$$page; done

DEB ?= $(O)/deb
MULTIARCH := $(shell $(CC) -print-multiarch 2>/dev/null)
deb: ## Install what is missing, build Debian packages of daemon, command line and library in $(O)/deb
	@tests/tools/deps.sh deb
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory -s packages

packages:
	@rm -rf $(DEB)
	@$(MAKE) --no-print-directory -s install DESTDIR=$(abspath $(DEB))/tree PREFIX=/usr LIBDIR=/usr/lib$(addprefix /,$(MULTIARCH))
	@systemd/debian/build.sh $(DEB)/tree $(VERSION) $(DEB)
	@rm -rf $(DEB)/tree

clean: ## Remove what was built
	rm -rf build build-*

help: ## This list
	@echo "epochd $(VERSION)"; grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18
	@echo "  make V=1 shows the commands; O=DIR builds elsewhere; SAN=asan|tsan; CC=clang; CHECK='unit fuzz interop integration torture' chooses"

.PHONY: all libraries examples tests-build failpoints bench instructions check torture unit run house asan tsan fuzz fuzz-run headers lint $(TIDY) man install uninstall deb packages clean help coverage

-include $(patsubst %.c,$(O)/%.d,$(CORE_SRC) $(DAEMON_SRC) $(CLI_SRC) $(CLIENT_SRC) $(UNIT_SRC) $(FUZZ_SRC) $(INTEROP_SRC) $(BENCH_SRC) tests/bench/consumer.c tests/fuzz/replay.c tests/torture/damage.c tests/torture/tracer.c)
