# Tests, checks and what else stands around the engine; included by Makefile.

PYTHON		?= /usr/bin/python3
RUN		= $(PYTHON) tests/run.py --build $(O)
AGAIN		= $(MAKE) --no-print-directory

# Installs what is missing (Debian, Ubuntu) or says how; GROUPS as in tests/deps.sh.
deps:
	$(Q)tests/deps.sh $(GROUPS)

unit-build: $(UNIT_BIN)

unit: $(UNIT_BIN)
	$(Q)$(RUN) unit

# Recursive, so that pkg-config is asked after the packages are there.
check:
	$(Q)tests/deps.sh build test
	$(Q)$(AGAIN) all unit-build
	$(Q)$(RUN) layers unit pytest

.PHONY: deps unit-build unit check
