# Tests, checks and what else stands around the engine; included by Makefile.

PYTHON		?= /usr/bin/python3
RUN		= $(PYTHON) tests/run.py --build
AGAIN		= $(MAKE) --no-print-directory
FUZZ_SECONDS	?= 60

ASAN_FLAGS	= -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
TSAN_FLAGS	= -fsanitize=thread -fno-omit-frame-pointer
FUZZ_FLAGS	= -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all \
		  -fno-omit-frame-pointer

# Installs what is missing (Debian, Ubuntu) or says how; GROUPS as in tests/deps.sh.
deps:
	$(Q)tests/deps.sh $(GROUPS)

unit-build: $(UNIT_BIN)

unit: $(UNIT_BIN)
	$(Q)$(RUN) $(O) unit

# Targets that install packages call make again, so that pkg-config is asked afterwards.
check:
	$(Q)tests/deps.sh build test vm
	$(Q)$(AGAIN) all unit-build
	$(Q)$(RUN) $(O) layers unit pytest

# On the images of tests/ alone, unless BCACHEFS_GOLD names more, with fewer seeds, without the virtual machine and
# without the comparisons of format with the real tool (test_format_real.py): it is slow.
asan:
	$(Q)tests/deps.sh build test
	$(Q)$(AGAIN) all unit-build O=$(O)-asan CFLAGS="-O1 -g -DCONFIG_LOCKDEP" SANITIZE="$(ASAN_FLAGS)"
	$(Q)BCACHEFS_GOLD=$(or $(BCACHEFS_GOLD),none) RESTORE_SEEDS=40 WITHOUT_VM=1 ASAN_OPTIONS=detect_stack_use_after_return=1 \
		UBSAN_OPTIONS=print_stacktrace=1 PYTEST_ARGS=--ignore=tests/test_format_real.py \
		$(RUN) $(O)-asan unit pytest

# What has many threads: the tests marked so. setarch -R: the sanitizer's memory map does not fit every kernel's randomisation.
tsan:
	$(Q)tests/deps.sh build test
	$(Q)$(AGAIN) all unit-build O=$(O)-tsan CFLAGS="-O1 -g -DCONFIG_LOCKDEP" SANITIZE="$(TSAN_FLAGS)"
	$(Q)BCACHEFS_GOLD=$(or $(BCACHEFS_GOLD),none) TSAN_OPTIONS=halt_on_error=1 PYTEST_ARGS="-m threads" \
		setarch -R $(RUN) $(O)-tsan unit pytest

clang:
	$(Q)tests/deps.sh build lint
	$(Q)$(AGAIN) all unit-build O=$(O)-clang CC=clang

# Each fuzz target for FUZZ_SECONDS, from the seeds in tests/fuzz/corpus and tests/images.
fuzz:
	$(Q)tests/deps.sh build test lint
	$(Q)$(AGAIN) fuzz-build O=$(O)-fuzz CC=clang CFLAGS="-O1 -g" SANITIZE="$(FUZZ_FLAGS)"
	$(Q)FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) $(O)-fuzz fuzz

fuzz-build: $(FUZZ_BIN)

$(FUZZ_BIN): $(O)/%: $(O)/%.o $(HOST_OBJ) $(LIB)
	$(call say,LD,$@)
	$(Q)$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $< $(HOST_OBJ) $(LIB) $(ALL_LIBS)

-include $(FUZZ_BIN:=.d)

bench: $(O)/bcachefs $(BENCH_BIN)
	$(Q)set -e; for b in $(BENCH_BIN); do echo "== $${b##*/}"; $$b; done
	$(Q)echo "== bench_tool"; BCACHEFS=$(abspath $(O)/bcachefs) $(PYTHON) tests/bench/bench_tool.py

demo:
	$(Q)tests/deps.sh build demo
	$(Q)$(AGAIN) all
	$(Q)BCACHEFS=$(abspath $(O)/bcachefs) tests/demo.sh

kernel-objs:
	$(Q)tests/deps.sh build kernel
	$(Q)tests/kernel-objs.sh $(O)/kernel-objs

format-check:
	$(Q)tests/deps.sh lint
	$(Q)tests/check_format.sh

man: $(O)/bcachefs.8

# The frame from doc/, the commands from their own descriptions.
$(O)/bcachefs.8: doc/bcachefs.8.scd $(O)/bcachefs
	$(Q)$(O)/bcachefs --print-man >$@.commands
	$(Q)sed -e '/^@COMMANDS@$$/{r $@.commands' -e 'd}' $< >$@.scd
	$(Q)scdoc <$@.scd >$@.new && mv $@.new $@

install: all
	$(Q)install -D -m 755 $(O)/bcachefs $(DESTDIR)$(SBINDIR)/bcachefs
	$(Q)for n in mkfs:format mkfs.fuse:format fsck:fsck fsck.fuse:fsck mount:mount mount.fuse:fusemount; do \
		! $(O)/bcachefs --help | grep -q "^  $${n#*:} " || \
		ln -sf bcachefs $(DESTDIR)$(SBINDIR)/$${n%:*}.bcachefs; done
	$(Q)if command -v scdoc >/dev/null; then $(AGAIN) man && \
		install -D -m 644 $(O)/bcachefs.8 $(DESTDIR)$(MANDIR)/man8/bcachefs.8; fi

.PHONY: deps unit-build unit check asan tsan clang fuzz fuzz-build bench demo kernel-objs \
	format-check man install
