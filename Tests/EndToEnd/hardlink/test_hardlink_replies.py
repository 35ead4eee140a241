"""Replies lost on the way: a call is carried out, and yet reported as failed, as over NFS.

A library that stands before libc does this, so it needs the ordinary, dynamic build: SWLOCK_ORDINARY
names it; default: .build/debug/swlock.
"""

import collections
import concurrent.futures
import errno
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import PROJECT
import hardlink_trials
from hardlink_trials import TRIALS, disturbed, undisturbed

ORDINARY = os.environ.get("SWLOCK_ORDINARY", str(PROJECT / ".build" / "debug" / "swlock"))

# What a client is told when the reply to a call got lost and the call was sent again, or not.
ERRORS = {
    "link": [errno.EEXIST, errno.EIO],
    "rename": [errno.ENOENT, errno.EIO],
    "unlink": [errno.ENOENT, errno.EIO],
    "mkdir": [errno.EEXIST, errno.EIO],
    "rmdir": [errno.ENOENT],
    "open": [errno.EEXIST, errno.EIO],
    "touch": [errno.EIO],
}
AGAIN = {errno.EEXIST, errno.ENOENT}

SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* LOST is "CALL NUMBER ERRNO"; CALLS is where each call is noted, with the process. */
static int lose(const char *call, int result)
{
    static struct { const char *name; int number; } counts[16];
    const char *lost = getenv("LOST"), *notes = getenv("CALLS");
    char name[16], line[64];
    int number, error, i = 0;
    if (result < 0 || strcmp(program_invocation_short_name, "swlock")) return result;
    if (notes) {
        int fd = creat_note(notes);
        int length = snprintf(line, sizeof line, "%d %s\n", getpid(), call);
        if (write(fd, line, length) != length) abort();
        close(fd);
    }
    if (!lost || sscanf(lost, "%15s %d %d", name, &number, &error) != 3) return result;
    if (strcmp(name, call)) return result;
    while (counts[i].name && strcmp(counts[i].name, call)) i++;
    counts[i].name = call;
    if (++counts[i].number != number) return result;
    errno = error;
    return -1;
}
"""


def shim_source():
    """Each function of libc that may make a call, after the real one has made it."""
    functions = [
        ("link", "link", "const char *a, const char *b", "a, b"),
        ("linkat", "link", "int d, const char *a, int e, const char *b, int f", "d, a, e, b, f"),
        ("rename", "rename", "const char *a, const char *b", "a, b"),
        ("renameat", "rename", "int d, const char *a, int e, const char *b", "d, a, e, b"),
        ("unlink", "unlink", "const char *a", "a"),
        ("unlinkat", "unlink", "int d, const char *a, int f", "d, a, f"),
        ("rmdir", "rmdir", "const char *a", "a"),
        ("mkdir", "mkdir", "const char *a, mode_t m", "a, m"),
        ("mkdirat", "mkdir", "int d, const char *a, mode_t m", "d, a, m"),
        ("futimens", "touch", "int d, const struct timespec t[2]", "d, t"),
    ]
    note = (
        "static int creat_note(const char *path) {\n"
        "    static int (*real)(const char *, int, ...);\n"
        '    if (!real) real = dlsym(RTLD_NEXT, "open");\n'
        "    return real(path, O_WRONLY | O_CREAT | O_APPEND, 0600);\n}\n"
    )
    head, tail = SHIM.split("/* LOST", 1)
    source = head + note + "/* LOST" + tail
    for name, call, parameters, arguments in functions:
        source += (
            f"int {name}({parameters}) {{\n    static int (*real)({parameters});\n"
            f'    if (!real) real = dlsym(RTLD_NEXT, "{name}");\n'
            f'    return lose("{call}", real({arguments}));\n}}\n'
        )
    for name, first, arguments in (("open", "", "a"), ("openat", "int d, ", "d, a")):
        source += (
            f"int {name}({first}const char *a, int f, ...) {{\n"
            f"    static int (*real)({first}const char *, int, ...);\n"
            "    va_list rest; va_start(rest, f); mode_t m = f & O_CREAT ? va_arg(rest, mode_t) : 0;"
            "    va_end(rest);\n"
            f'    if (!real) real = dlsym(RTLD_NEXT, "{name}");\n'
            f"    int result = real({arguments}, f, m);\n"
            '    return f & O_CREAT ? lose("open", result) : result;\n}\n'
        )
    return source


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    if not os.access(ORDINARY, os.X_OK):
        pytest.skip(f"needs the ordinary build: {ORDINARY} is not there")
    if not shutil.which("cc"):
        pytest.skip("needs cc")
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(shim_source())
    words = ["cc", "-shared", "-fPIC", "-o", "shim.so", "shim.c"]
    subprocess.run([*words, "-ldl"], cwd=folder, check=True)
    return folder / "shim.so"


@pytest.fixture(autouse=True)
def ordinary(monkeypatch):
    """Only what is disturbed is the ordinary build."""
    original = hardlink_trials.Trial.perform

    def perform(self, prefix=(), environment=None, lifeline=None):
        self.words = [ORDINARY, *self.words[1:]]
        return original(self, prefix, environment, lifeline)

    monkeypatch.setattr(hardlink_trials.Trial, "perform", perform)


def calls_of(name, shim, folder):
    """How often the busiest process makes each call."""
    notes = pathlib.Path(folder) / "calls"
    undisturbed(name, environment={"LD_PRELOAD": str(shim), "CALLS": str(notes)})
    made = collections.Counter(notes.read_text().splitlines())
    calls = collections.Counter()
    for line, number in made.items():
        call = line.split()[1]
        calls[call] = max(calls[call], number)
    return [(call, n + 1) for call, most in sorted(calls.items()) for n in range(most)]


@pytest.mark.parametrize("name", TRIALS)
def test_lost_reply_costs_nobody_the_lock(name, shim, folder):
    calls = calls_of(name, shim, folder)
    assert calls

    def lose(fault):
        (call, number), error = fault

        def more(_, trace):
            if trace.status < 0:
                yield "it crashed"
            if error in AGAIN and (call, error) != ("open", errno.EEXIST) and trace.status:
                yield "it has failed, though all was done"

        lost = f"{call} {number} {error}"
        environment = {"LD_PRELOAD": str(shim), "LOST": lost}
        what = f"LOST='{call} {number} {errno.errorcode[error]}'"
        return disturbed(name, what, environment=environment, more=more)[1]

    faults = [((call, number), error) for call, number in calls for error in ERRORS[call]]
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        complaints = [line for lines in pool.map(lose, faults) for line in lines]
    assert not complaints, "\n".join(complaints)
