# bcachefs: one binary and its tests.
#
#   make              build build/bcachefs            make demo     see it work, from nothing
#   make check        run the tests                   make asan     the tests under ASan and UBSan
#   make tsan         the tests under TSan            make fuzz     bounded fuzzing of every validator
#   make bench        measure, side by side           make deps     install what is missing
#
#   O=DIR   build outside the tree (default: build)   V=1   show the commands
#   CC=clang, CFLAGS=... as usual

O		?= build
V		?= 0
Q		:= $(if $(filter 1,$(V)),,@)
say		 = $(if $(filter 1,$(V)),,@printf '  %-7s %s\n' '$(1)' '$(2)')

PREFIX		?= /usr/local
SBINDIR		?= $(PREFIX)/sbin
MANDIR		?= $(PREFIX)/share/man
VERSION		:= $(shell cat VERSION)

CC		?= gcc
CFLAGS		?= -O2 -g
SANITIZE	?=
PKGCONFIG	?= pkg-config
PKGS		:= blkid uuid libsodium libcrypto libzstd liblz4 zlib libxxhash liburcu libudev
PKGS		+= $(shell $(PKGCONFIG) --exists libisal && echo libisal)
HAVE_FUSE	:= $(shell $(PKGCONFIG) --exists 'fuse3 >= 3.12' && echo 1)
PKGS		+= $(if $(HAVE_FUSE),fuse3)
LDLIBS_EXTRA	:= -laio -lkeyutils -lpthread -lm

ALL_CFLAGS	= -std=gnu11 $(CFLAGS) $(SANITIZE) -Wall -Wextra -Werror -Wmissing-prototypes \
		  -Wstrict-prototypes -Wundef -Wno-unused-parameter -Wno-sign-compare \
		  -Wno-missing-field-initializers -fno-strict-aliasing -fwrapv -D_GNU_SOURCE \
		  -D_FILE_OFFSET_BITS=64 -DBCACHEFS_VERSION='"$(VERSION)"' $(if $(HAVE_FUSE),-DHAVE_FUSE) -Iinclude -Ilibbcachefs -I. \
		  $(if $(findstring clang,$(CC)),-Wno-gnu-variable-sized-type-not-at-end) \
		  $(shell $(PKGCONFIG) --cflags $(PKGS) 2>/dev/null)
ALL_LDFLAGS	= $(LDFLAGS) $(SANITIZE)
ALL_LIBS	= $(shell $(PKGCONFIG) --libs $(PKGS) 2>/dev/null) $(LDLIBS_EXTRA)

ENGINE_SRC	:= $(wildcard libbcachefs/*/*.c linux/*.c)
TOOL_SRC	:= bcachefs.c $(wildcard cmd_*.c cli/*.c host/*.c)
UNIT_SRC	:= $(wildcard tests/unit/test_*.c)
UNIT_BIN	:= $(UNIT_SRC:tests/unit/%.c=$(O)/tests/unit/%)
BENCH_SRC	:= $(wildcard tests/bench/bench_*.c)
BENCH_BIN	:= $(BENCH_SRC:tests/bench/%.c=$(O)/tests/bench/%)
FUZZ_SRC	:= $(wildcard tests/fuzz/fuzz_*.c)
FUZZ_BIN	:= $(FUZZ_SRC:tests/fuzz/%.c=$(O)/tests/fuzz/%)

ENGINE_OBJ	:= $(ENGINE_SRC:%.c=$(O)/%.o)
TOOL_OBJ	:= $(TOOL_SRC:%.c=$(O)/%.o)
HOST_OBJ	:= $(filter-out $(O)/bcachefs.o $(O)/cmd_%,$(TOOL_OBJ))
LIB		:= $(O)/libbcachefs.a

all: $(O)/bcachefs

$(O)/bcachefs: $(TOOL_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $(TOOL_OBJ) $(LIB) $(ALL_LIBS)

$(LIB): $(ENGINE_OBJ)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(ENGINE_OBJ)

$(O)/%.o: %.c VERSION Makefile
	$(call say,CC,$<)
	$(Q)mkdir -p $(@D)
	$(Q)$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(UNIT_BIN) $(BENCH_BIN): $(O)/%: $(O)/%.o $(HOST_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -o $@ $< $(HOST_OBJ) $(LIB) $(ALL_LIBS)

-include tests/tests.mk

clean:
	$(Q)rm -rf $(O)

-include $(ENGINE_OBJ:.o=.d) $(TOOL_OBJ:.o=.d) $(UNIT_BIN:=.d) $(BENCH_BIN:=.d)

.PHONY: all clean
.SECONDARY:
