# swlock: `make` builds the shipped binary, `make install` installs it, `make test` tests it.

PREFIX ?= /usr/local
DESTDIR ?=
BINDIR ?= $(PREFIX)/bin
DATADIR ?= $(PREFIX)/share
ZSHDIR ?= $(DATADIR)/zsh/site-functions
# Where swlock gets the names of the programs that it can stand for, if PERSONALITIES asks for them:
# apart from BINDIR, so that nothing is replaced until this folder is put into PATH.
PERSONALITYDIR ?= $(PREFIX)/libexec/swlock/bin
PERSONALITIES ?=
SWIFT ?= swift
CC ?= cc
OBJCOPY ?= objcopy
# The C library of the shipped binary: musl, whose start costs a fraction of glibc's, where its compiler is
# (Debian: musl-tools), and glibc where it is not.
MUSL_GCC ?= musl-gcc
LIBC ?= $(if $(CROSS)$(shell command -v $(MUSL_GCC)),musl,glibc)
# The processor that the binary is for, as Debian calls it: this machine's, whose binaries are right below build, or
# another one, that has a folder there. For that musl is unpacked in .build-cross, scripts/install-arm64-tools.
OWN := $(or $(shell dpkg --print-architecture 2>/dev/null),$(patsubst x86_64,amd64,$(patsubst aarch64,arm64,$(shell uname -m))))
ARCH ?= $(OWN)
CROSS := $(filter-out $(OWN),$(ARCH))
BUILD := build$(CROSS:%=/%)
# Where the packages go, and what they are called by.
DISTDIR ?= build/dist
# So many files of tests at once: most tests wait.
JOBS ?= 3
PYTEST := .build-python/bin/pytest -p no:cacheprovider --numprocesses $(JOBS) --dist loadfile
SOURCE_VERSION := $(shell sed -n 's/^package let version.*"\(.*\)"$$/\1/p' Sources/CommandLine/EntryPoint.swift)

SOURCES := $(shell find Sources -name '*.swift' -o -name '*.[ch]') Package.swift
SCRIPTS := .ci/run scripts/quick scripts/record-functions scripts/reference scripts/install-test-tools scripts/check-binary scripts/personalities \
	scripts/make-dist scripts/make-deb scripts/make-rpm scripts/make-release scripts/source-date scripts/checksums scripts/prove-package \
	scripts/install-bench-tools scripts/install-release-tools scripts/install-nfs-tools scripts/install-etcd-tools scripts/install-arm64-tools scripts/unpack-debian \
	Engines/etcd/Fuzz/run fuzz/run Tests/NFS/guest Tests/NFS/tools/count \
	Tests/NFS/tools/work Tests/NFS/tools/impatient
MAN := $(patsubst %.in,%,$(wildcard man/*.in))
GENERATED := $(MAN) completions/swlock.bash completions/_swlock completions/swlock.fish

# The shipped binary: Embedded Swift, static, on libc alone. All sources are one module there: as several,
# each of them has the code of those below generated again. What they import of each other is an empty module
# then. Nothing here is ever unwound, so the tables for that are left out. So are the compiler's hashes for its next
# run: they would differ with the folder of the sources. So are the checks for exclusive access at run time, which
# call empty functions there, and Swift's merging of functions, which leads through jumps without a name, on pages
# of their own; the linker merges those that are equal. Little is inlined but what is smaller then, neither into
# the large functions of Swift, nor the growth of an array (append) into who appends. A function has one trap, not
# one for each check that leads there, and is not made anew for each closure that it is called with; loops and
# releases stay where the source has them. The linker is handed LLVM's intermediate code.
MODULES := SystemInterface Locking Launching CommandLine
SHIPPED := $(sort $(shell find $(MODULES:%=Sources/%) Sources/swlock -name '*.swift'))
TOOLCHAIN := $(dir $(realpath $(shell command -v $(SWIFT))))
EMBEDDED = -swift-version 6 -wmo -Osize -parse-as-library -package-name swlock -warnings-as-errors \
	-enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault \
	-enable-upcoming-feature MemberImportVisibility -enable-experimental-feature Embedded \
	-enforce-exclusivity=unchecked -Xfrontend -disable-incremental-llvm-codegen -Xfrontend -mergeable-traps \
	-Xfrontend -disable-llvm-merge-functions-pass -lto=llvm-full \
	$(addprefix -Xllvm ,-inline-threshold=0 -sil-inline-overall-caller-block-limit=0 -sil-inline-removed-call-benefit=8 \
		-sil-inline-never-functions=6append $(addprefix -sil-disable-pass=,closure-specialize loop-rotate retain-sinking)) \
	-Xfrontend -entry-point-function-name -Xfrontend swlock_main \
	$(SWIFT_TARGET) $(addprefix -Xcc ,$(SYSROOT) $(TARGET)) -Xcc -DSWLOCK_STATIC -Xcc -fmodule-map-file=$(CURDIR)/Sources/CSystem/module.modulemap
OBJECTS := .build-embedded/$(LIBC)$(CROSS:%=-%)
# With musl, Swift and C see its headers only: layouts and constants differ. Its compiler knows where they are,
# and the linker is told what that would link.
ifeq ($(LIBC),musl)
HASH := \#
MUSL_HEADERS = $(dir $(lastword $(shell $(MUSL_GCC) -M -include features.h -x c /dev/null)))
MUSL_FILES = $(dir $(filter %crt1.o,$(shell $(MUSL_GCC) -static '-$(HASH)$(HASH)$(HASH)' -x c /dev/null 2>&1)))
BUILTINS = $(shell $(TOOLCHAIN)clang --rtlib=compiler-rt -print-libgcc-file-name)
SYSROOT = --sysroot=$(CURDIR)/$(OBJECTS)/sysroot
BEFORE = -nostdlib $(MUSL_FILES)crt1.o $(MUSL_FILES)crti.o
AFTER = $(MUSL_FILES)libc.a $(BUILTINS) $(MUSL_FILES)crtn.o
endif
# The compiler has Embedded Swift's own library for other processors without a system only; the headers are those of
# Linux with musl. An atomic operation is a few instructions that each of these processors has, no call.
ifneq ($(CROSS),)
ifneq ($(CROSS),arm64)
$(error ARCH=$(ARCH) is neither this machine (which is $(OWN)) nor arm64)
endif
ifneq ($(LIBC)$(ENGINES),musl)
$(error ARCH=$(ARCH) is built with musl and without engines)
endif
NOT_CROSS := $(filter-out all version dist deb rpm install uninstall clean arm64-test $(BUILD)/%,$(MAKECMDGOALS))
ifneq ($(NOT_CROSS),)
$(error make $(NOT_CROSS) is for this machine only, not for ARCH=$(ARCH))
endif
CROSS_FILES := .build-cross/$(CROSS)/usr
MUSL_HEADERS = $(CURDIR)/$(CROSS_FILES)/include/aarch64-linux-musl
MUSL_FILES = $(CROSS_FILES)/lib/aarch64-linux-musl/
BUILTINS = $(wildcard $(CROSS_FILES)/lib/gcc/aarch64-linux-gnu/*/libgcc.a)
TARGET := --target=aarch64-linux-musl -mno-outline-atomics
SWIFT_TARGET := -target aarch64-none-none-elf
OBJCOPY := $(TOOLCHAIN)llvm-objcopy
endif
# What the plain paths use stands side by side, on few pages; so do the headers, constants and data. Constants and
# code are one segment, so that the kernel maps what is around a page of either at once, and the data begin a page.
# Each function is a section, so that what nobody calls is dropped, and what is equal to another one is that one.
LINK = $(TARGET) $(BEFORE) -static -fuse-ld=lld -Wl,--gc-sections -Wl,--allow-multiple-definition -Wl,--no-eh-frame-hdr \
	-Wl,--icf=all -Wl,-z,separate-loadable-segments -Wl,--no-rosegment -Wl,-z,norelro -Wl,-O2 \
	-Wl,--symbol-ordering-file=scripts/functions.order \
	-Wl,--no-warn-symbol-ordering $(SMALL) $(OBJECTS)/*.o $(AFTER)
# Only the linker knows that nobody else calls a function. So it is the one who makes code of it all, for size: a
# function with one caller is part of that, as long as its own size (-14000) is no reason against it; one with several
# saves just the registers that its callers have something in (ipra); the same few instructions in several places
# become a function (outliner); and a constant is loaded where it is needed, not before a loop.
SMALL = -Wl,--lto-O2 '-Wl,--lto-newpm-passes=default<Oz>' \
	$(addprefix -Wl$(COMMA)-mllvm$(COMMA),-inline-threshold=-14000 -enable-ipra -enable-machine-outliner=always -disable-machine-licm)
COMMA := ,

# The engine for etcd, Embedded Swift as well, since ordinary Swift would take twice the memory; but linked
# dynamically, with the system's libcurl. `make etcd` alone needs that, and protobuf-c; protobuf-c is in the program.
ENGINES ?=
ENGINEDIR ?= $(PREFIX)/libexec/swlock/engine
ETCD := Engines/etcd/Sources
ETCD_MESSAGES := $(ETCD)/CMessages/messages.pb-c.c
ETCD_SOURCES = $(sort $(shell find $(ETCD)/EtcdEngine $(ETCD)/swlock-etcd -name '*.swift'))
ETCD_OBJECTS := .build-embedded/etcd
ETCD_SWIFT = -swift-version 6 -wmo -Osize -parse-as-library -warnings-as-errors \
	-enable-upcoming-feature ExistentialAny -enable-upcoming-feature InternalImportsByDefault \
	-enable-upcoming-feature MemberImportVisibility -enable-experimental-feature Embedded \
	-Xfrontend -function-sections -Xfrontend -disable-incremental-llvm-codegen \
	$(foreach module,CLibrary CMessages,-Xcc -fmodule-map-file=$(CURDIR)/$(ETCD)/$(module)/module.modulemap \
		-Xcc -I$(CURDIR)/$(ETCD)/$(module)/include)

.PHONY: all $(BUILD)/swlock order quick etcd etcd-messages etcd-test etcd-fuzz etcd-bench test arm64-test nfs nfs-table torture fuzz sanitize reliability check model format lint docs docs-check picture reference api api-baseline bench install uninstall packaged dist deb rpm release release-test version clean

# What is compiled is so at once, and the packages of a folder have one list of checksums.
.NOTPARALLEL:

all: $(BUILD)/swlock

# Whichever was built last is what everything here installs and tests.
$(BUILD)/swlock: $(BUILD)/$(LIBC)/swlock
	@cmp -s $< $@ || ln -f $< $@

$(BUILD)/$(LIBC)/swlock: $(SOURCES) scripts/functions.order Makefile
	$(if $(CROSS),@[ -e "$(BUILTINS)" ] || \
		{ echo 'ARCH=$(ARCH) needs musl for that: run scripts/install-$(ARCH)-tools' >&2; exit 1; })
	rm -rf $(OBJECTS)
	mkdir -p $(OBJECTS)/empty $(@D)
	$(if $(SYSROOT),mkdir -p $(OBJECTS)/sysroot/usr && ln -s $(MUSL_HEADERS) $(OBJECTS)/sysroot/usr/include)
	touch $(OBJECTS)/empty/Empty.swift
	for module in $(MODULES); do \
		$(TOOLCHAIN)swiftc $(EMBEDDED) -module-name $$module -emit-module -o $(OBJECTS)/empty/$$module.swiftmodule \
			$(OBJECTS)/empty/Empty.swift || exit; \
	done
	for file in $(notdir $(wildcard Sources/CSystem/*.c)); do \
		$(TOOLCHAIN)clang $(SYSROOT) $(TARGET) -Oz -fno-pic -ffunction-sections -fdata-sections -DSWLOCK_STATIC -ISources/CSystem/include \
			-c Sources/CSystem/$$file -o $(OBJECTS)/$$file.o || exit; \
	done
	cd $(OBJECTS) && $(TOOLCHAIN)swiftc $(EMBEDDED) -module-name swlock -Iempty -o swlock.o -c $(SHIPPED:%=../../%)
	$(TOOLCHAIN)clang $(LINK) -Wl,-s -o $@.new
	$(OBJCOPY) --remove-section=.eh_frame --remove-section=.comment --remove-section=.swift_modhash $@.new
	mv $@.new $@

etcd: build/swlock-etcd

# One line that tells what to do, rather than the compiler's many.
etcd-messages: $(ETCD_MESSAGES)

$(ETCD_MESSAGES): $(ETCD)/CMessages/messages.proto
	@pkg-config --exists libcurl libprotobuf-c && command -v protoc-c >/dev/null || { echo \
		'make etcd needs libcurl, protobuf-c and their headers: run scripts/install-etcd-tools' >&2; exit 1; }
	protoc-c --proto_path=$(<D) --c_out=$(<D) $<
	mkdir -p $(<D)/include
	mv $(<D)/messages.pb-c.h $(<D)/include

build/swlock-etcd: $(ETCD_MESSAGES) $(ETCD_SOURCES) $(wildcard $(ETCD)/CLibrary/*.c $(ETCD)/CLibrary/include/*.h) Makefile
	@pkg-config --exists libcurl libprotobuf-c || { echo \
		'make etcd needs libcurl, protobuf-c and their headers: run scripts/install-etcd-tools' >&2; exit 1; }
	rm -rf $(ETCD_OBJECTS)
	mkdir -p $(ETCD_OBJECTS) $(@D)
	touch $(ETCD_OBJECTS)/Empty.swift
	$(TOOLCHAIN)swiftc $(ETCD_SWIFT) -module-name EtcdEngine -emit-module \
		-o $(ETCD_OBJECTS)/EtcdEngine.swiftmodule $(ETCD_OBJECTS)/Empty.swift
	for file in $(ETCD_MESSAGES) $(ETCD)/CLibrary/*.c; do \
		$(TOOLCHAIN)clang -Os -ffunction-sections -fdata-sections -I$(ETCD)/CMessages/include \
			-I$(ETCD)/CLibrary/include -c $$file -o $(ETCD_OBJECTS)/$$(basename $$file).o || exit; \
	done
	$(TOOLCHAIN)swiftc $(ETCD_SWIFT) -I$(ETCD_OBJECTS) -module-name swlock_etcd -c $(ETCD_SOURCES) \
		-o $(ETCD_OBJECTS)/swift.o
	$(TOOLCHAIN)clang -fuse-ld=lld -pie -Wl,--gc-sections -Wl,--icf=all -Wl,-O2 -Wl,-s -Wl,--as-needed \
		-Wl,--export-dynamic-symbol=_gnutls_global_init_skip $(ETCD_OBJECTS)/*.o -l:libprotobuf-c.a -lcurl -lm -o $@.new
	mv $@.new $@

# The list of functions that the linker puts side by side, anew. One that is old does no harm but to speed.
order: build/swlock
	$(TOOLCHAIN)clang $(LINK) -o build/swlock.symbols
	scripts/record-functions build/swlock.symbols scripts/functions.order

# After an edit: ordinary swlock and the tests of a subject, T=run/test_waiting, or of what git says has changed.
T ?=
quick:
	JOBS=$(JOBS) scripts/quick $(T)

# Everything the tests need, and all tests: first those of the libraries, then those of the binary.
test: build/swlock
	scripts/install-test-tools
	$(SWIFT) test
	$(PYTEST) Tests/EndToEnd

# The binary for arm64, emulated: it is built, and has these of the tests. Skipped where that cannot be had.
QEMU := .build-cross/qemu/usr/bin/qemu-aarch64
ARM64_TESTS := $(addprefix Tests/EndToEnd/,run/test_run.py run/test_exclusion.py run/test_signals.py \
	run/test_order.py run/test_command_line.py run/test_words.py launch/test_launch.py holders/test_status.py drop-in/test_flock.py)
arm64-test:
	scripts/install-test-tools
	if scripts/install-arm64-tools; then \
		$(MAKE) ARCH=arm64 && readelf --file-header build/arm64/swlock | grep -q AArch64 && \
			scripts/check-binary build/arm64/swlock && SWLOCK=$(CURDIR)/build/arm64/swlock \
			scripts/emulate $(QEMU) $(PYTEST) --dist load $(ARM64_TESTS) || [ $$? -eq 69 ]; \
	fi

# Locks on real NFS, versions 4.2 and 3: a server and its clients in user-mode Linux. SWLOCK_NFS=full
# takes longer. Skipped where there is no user-mode Linux.
nfs: build/swlock
	$(SWIFT) build --configuration release --product contender
	scripts/install-test-tools
	scripts/install-nfs-tools
	$(PYTEST) Tests/NFS

# The etcd engine with real etcd, three nodes on loopback, alone and with swlock; skipped where etcd is not.
etcd-test: build/swlock
	scripts/install-test-tools
	scripts/install-etcd-tools
	$(MAKE) build/swlock-etcd
	$(SWIFT) test --package-path Engines/etcd
	$(PYTEST) Tests/Etcd

etcd-fuzz: etcd-messages
	SECONDS_EACH=$(SECONDS) Engines/etcd/Fuzz/run

# Beside etcdctl lock, on the same cluster.
etcd-bench: build/swlock-etcd
	bench/etcd build/swlock-etcd build/ETCD.md

# The tests of faults, kills, chaos, attacks and exclusion, harder than in `make test`, and the
# fuzzers: with new seeds until MINUTES have passed. SEED begins with a seed of an earlier run.
MINUTES ?= 10
SEED ?=
torture: build/swlock
	scripts/install-test-tools
	$(SWIFT) build
	scripts/torture $(MINUTES) $(SEED)
	SWLOCK_NFS=full $(MAKE) nfs
	SWLOCK_STORM_SECONDS=60 $(MAKE) etcd-test

# That, and the same accidents for swlock and its peers.
reliability: torture
	scripts/install-bench-tools
	SWLOCK_STORM_SECONDS=10 .build-python/bin/python bench/reliability build/swlock build/ACCIDENTS.md $(SEED)
	$(MAKE) nfs-table
	cd build && (cat TORTURE.md ACCIDENTS.md; echo; cat NFS.md) >../docs/RELIABILITY.md

# The same modes, flock(1) and flufl.lock on real NFS: build/NFS.md.
nfs-table: build/swlock
	scripts/install-test-tools
	scripts/install-nfs-tools
	.build-python/bin/python bench/nfs build/swlock build/NFS.md

# libFuzzer on everything that reads bytes of others, SECONDS each. The corpora are tests of `make test`.
SECONDS ?= 60
fuzz:
	SECONDS_EACH=$(SECONDS) fuzz/run

# The tests of Locking with the thread sanitizer, which cannot follow the children that Launching starts.
sanitize:
	$(SWIFT) test --sanitize=thread --scratch-path .build-tsan --filter LockingTests

check: lint docs-check
	scripts/install-test-tools
	shellcheck $(SCRIPTS) completions/swlock.bash
	mandoc -T lint -W warning $(MAN)
	scripts/reference build/reference
	scripts/api check
	scripts/check-binary build/swlock

# The protocol of the hard-link locks, with spin. MODEL=full takes every run: hours, and up to 12 GB.
model:
	docs/model/run

lint:
	$(SWIFT) format lint --strict --recursive Package.swift Sources Tests bench fuzz $(addprefix Engines/etcd/,Package.swift Sources Tests Fuzz)
	$(SWIFT) build

format:
	$(SWIFT) format --in-place --recursive Package.swift Sources Tests bench fuzz $(addprefix Engines/etcd/,Package.swift Sources Tests Fuzz)

# The man page and the completions, out of the option table.
docs:
	$(SWIFT) run --quiet swlock-docs .

# The picture of the README.
picture: build/swlock
	scripts/install-test-tools
	.build-python/bin/pip install --quiet --disable-pip-version-check rich==14.2.0
	.build-python/bin/python docs/pictures/draw build/swlock docs/pictures/waiting.svg

# The reference of the libraries, for docc to show.
reference:
	$(SWIFT) build
	scripts/reference build/reference

# The list of what is public, anew; and what a release is compared with from then on, once it is out.
api:
	$(SWIFT) build
	scripts/api write

api-baseline:
	$(SWIFT) build
	scripts/api release

docs-check:
	$(SWIFT) run --quiet swlock-docs --check .

# The parts that need flufl.lock run with the Python that the tests have. QUICK=1 takes fewer samples, and
# writes no document. It fails where swlock takes more page faults, calls or instructions than it may, never by times.
QUICK ?=
bench: export QUICK := $(QUICK)
bench: build/swlock
	scripts/install-test-tools
	scripts/install-bench-tools
	$(SWIFT) build --configuration release --product contender
	bench/run build build/swlock build/PERFORMANCE.md
	.build-python/bin/python bench/hardlink build/swlock .build/release/contender build/HARDLINK.md
	bench/status build/swlock build/STATUS.md
	bench/waiting build/swlock build/WAITING.md
	bench/peers build build/swlock build/PEERS.md $(if $(QUICK),,docs)
	bench/cleanup build/swlock build/CLEANUP.md
	bench/order build/swlock build/ORDER.md
	$(if $(QUICK),,cd build && cat PERFORMANCE.md WAITING.md PEERS.md HARDLINK.md STATUS.md CLEANUP.md ORDER.md >../docs/PERFORMANCE.md)

install: $(BUILD)/swlock $(ENGINES:%=build/swlock-%)
	scripts/personalities check "$(DESTDIR)$(BINDIR)/swlock" "$(DESTDIR)$(PERSONALITYDIR)" \
		$(PERSONALITIES)
	install -D -T -m 755 $(BUILD)/swlock "$(DESTDIR)$(BINDIR)/swlock"
	for engine in $(ENGINES); do \
		install -D -T -m 755 build/swlock-$$engine "$(DESTDIR)$(ENGINEDIR)/$$engine" || exit; \
	done
	for page in $(MAN); do \
		install -D -t "$(DESTDIR)$(DATADIR)/man/man$${page##*.}" -m 644 $$page || exit; \
	done
	install -D -T -m 644 completions/swlock.bash \
		"$(DESTDIR)$(DATADIR)/bash-completion/completions/swlock"
	install -D -T -m 644 completions/_swlock "$(DESTDIR)$(ZSHDIR)/_swlock"
	install -D -T -m 644 completions/swlock.fish \
		"$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/swlock.fish"
	scripts/personalities install "$(DESTDIR)$(BINDIR)/swlock" "$(DESTDIR)$(PERSONALITYDIR)" \
		$(PERSONALITIES)

uninstall:
	scripts/personalities uninstall "$(DESTDIR)$(BINDIR)/swlock" "$(DESTDIR)$(PERSONALITYDIR)" \
		flock lockrun
	for page in $(notdir $(MAN)); do rm -f "$(DESTDIR)$(DATADIR)/man/man$${page##*.}/$$page"; done
	rm -f "$(DESTDIR)$(BINDIR)/swlock" "$(DESTDIR)$(ENGINEDIR)/etcd"
	rm -f "$(DESTDIR)$(DATADIR)/bash-completion/completions/swlock"
	rm -f "$(DESTDIR)$(ZSHDIR)/_swlock"
	rm -f "$(DESTDIR)$(DATADIR)/fish/vendor_completions.d/swlock.fish"

# The packages have the binary with musl, whoever makes them.
packaged:
	@[ $(LIBC) = musl ] || [ "$$(uname -m)" != x86_64 ] || \
		{ echo 'packages are built with musl: apt-get install musl-tools' >&2; exit 1; }

# The same of the same sources, byte by byte.
dist: packaged $(BUILD)/swlock
	ARCH=$(ARCH) scripts/make-dist $(SOURCE_VERSION) "$(DISTDIR)"

# ENGINES=etcd: one for that as well.
deb: packaged $(BUILD)/swlock $(ENGINES:%=build/swlock-%)
	ARCH=$(ARCH) scripts/make-deb $(SOURCE_VERSION) "$(DISTDIR)" $(ENGINES)

rpm: packaged $(BUILD)/swlock
	ARCH=$(ARCH) scripts/make-rpm $(SOURCE_VERSION) "$(DISTDIR)"

# All of that, for both processors, with the sources and the notes: VERSION is what is about to be released.
VERSION ?= $(SOURCE_VERSION)
release:
	$(if $(filter amd64,$(OWN)),,$(error make release is for x86-64, where both processors' programs can be built, and this machine is $(OWN)))
	scripts/install-test-tools
	scripts/install-release-tools
	scripts/make-release "$(VERSION)" "$(DISTDIR)"

# Twice, all compiled each time, and what is in it.
release-test: build/swlock
	scripts/install-test-tools
	SWLOCK_RELEASE=1 $(PYTEST) --numprocesses 0 Tests/EndToEnd/ship/test_release.py

version:
	@echo $(SOURCE_VERSION)

clean:
	rm -rf build .build .build-embedded .build-example .build-fuzz .build-python .build-tsan .build-etcd .build-cross \
		.build-etcd-go Engines/etcd/.build*
	rm -f $(ETCD_MESSAGES) $(ETCD)/CMessages/include/*
