"""What each release of util-linux's flock(1) says of the same command line.

A line of TABLE that is not indented has the words behind `flock`; descriptors 0 and 7 are open on
the file `lock`. Below it stands what a release and those after it do: the exit status, `?` if flock points to
its help, and the message, or behind `>` what the command writes.

Tried: 2.38.1, 2.41.5 and 2.42.4. `main` is that branch in August of 2026, to be 2.43. What it says
to KNOWN was seen; to FOLLOWING it is what follows from that, where it differs from 2.42.
"""

import os
import re
import shlex
import shutil
import subprocess

MAIN = (2, 43)
KNOWN = r"""
-- -1
  2.38  65 -1: Bad file descriptor
  main  64 missing file descriptor, file or directory
--fd -5
  2.38  64? unrecognized option '--fd'
  main  64 missing file descriptor, file or directory
-c 'echo a' lock
  2.38  64? invalid option -- 'c'
  main  64 -c requires exactly one command argument
-E 256 lock true
  2.38  64 exit code out of range (expected 0 to 255)
  main  64 invalid exit code (allowed values: 0-255): '256': Numerical result out of range
-E -1 lock true
  2.38  64 exit code out of range (expected 0 to 255)
  main  64 invalid exit code (allowed values: 0-255): '-1': Numerical result out of range
-c --fd 7 'echo a'
  2.38  64? invalid option -- 'c'
  main  0 > a
--fd 7 -c -n 'echo a'
  2.38  64? unrecognized option '--fd'
  main  0 > a
--fd 7 -- -c 'echo a'
  2.38  64? unrecognized option '--fd'
  main  69 failed to execute -c: No such file or directory
--f
  2.38  64? unrecognized option '--f'
  2.41  64 requires file descriptor, file or directory
  main  64? unrecognized option '--f'
--ver
  2.38  64? option '--ver' is ambiguous; possibilities: '--verbose' '--version'
  main  64? unrecognized option '--ver'
--shared=1
  2.38  64? option '--shared' doesn't allow an argument
  main  64? unrecognized option '--shared=1'
-nc
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-nc'
"""
FOLLOWING = r"""
-u -- -1
  2.38  65 -1: Bad file descriptor
  main  64 missing file descriptor, file or directory
-nF --fcntl -- -5
  2.38  64? unrecognized option '--fcntl'
  2.41  65 -5: Bad file descriptor
  main  64 missing file descriptor, file or directory
-- -2147483648
  2.38  65 -2147483648: Bad file descriptor
  main  64 missing file descriptor, file or directory
-- -2147483649
  2.38  64 bad file descriptor: '-2147483649': Numerical result out of range
  main  64 invalid file descriptor: '-2147483649': Numerical result out of range
-- -0
  2.38  0
--fd=-1 true
  2.38  64? unrecognized option '--fd=-1'
  main  64 missing file descriptor, file or directory
--fd -5 lock true
  2.38  64? unrecognized option '--fd'
  main  64 missing file descriptor, file or directory
--fd -5 -c 'echo a'
  2.38  64? unrecognized option '--fd'
  main  64 missing file descriptor, file or directory
--command 'echo a' lock
  2.38  64? unrecognized option '--command'
  main  64 --command requires exactly one command argument
-n -c 'echo a' lock
  2.38  64? invalid option -- 'c'
  main  64 -c requires exactly one command argument
-c
  2.38  64? invalid option -- 'c'
  main  64 -c requires exactly one command argument
--command
  2.38  64? unrecognized option '--command'
  main  64 --command requires exactly one command argument
-c lock
  2.38  64? invalid option -- 'c'
  main  64 missing file descriptor, file or directory
-c -- 'echo a'
  2.38  64? invalid option -- 'c'
  main  64 missing file descriptor, file or directory
-c -z
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-z'
-c lock -c 'echo a'
  2.38  64? invalid option -- 'c'
  main  64 -c requires exactly one command argument
-oFc
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-oFc'
-oF -c
  2.38  64? invalid option -- 'c'
  main  64 the --no-fork and --close options are incompatible
--command --fd=7 'echo a'
  2.38  64? unrecognized option '--command'
  main  0 > a
--fd 7 -c 'echo a'
  2.38  64? unrecognized option '--fd'
  main  0 > a
-n --fd 7 --command -c 'echo a'
  2.38  64? unrecognized option '--fd'
  main  0 > a
--fd 7 -c -- 'echo a'
  2.38  64? unrecognized option '--fd'
  main  0 > a
--fd 7 -c
  2.38  64? unrecognized option '--fd'
  main  64 -c requires exactly one command argument
--fd 7 -c --
  2.38  64? unrecognized option '--fd'
  main  64 -c requires exactly one command argument
--fd 7 -c 'echo a' b
  2.38  64? unrecognized option '--fd'
  main  64 -c requires exactly one command argument
--fd 7
  2.38  64? unrecognized option '--fd'
  main  64 missing command
--fd 7 --
  2.38  64? unrecognized option '--fd'
  main  64 missing command
--fd 7 -- --command 'echo a'
  2.38  64? unrecognized option '--fd'
  main  69 failed to execute --command: No such file or directory
--fd 7 echo -c
  2.38  64? unrecognized option '--fd'
  main  0 > -c
--fd 7 -nc 'echo a'
  2.38  64? unrecognized option '--fd'
  main  64? unrecognized option '-nc'
lock -c 'echo a'
  2.38  0 > a
-- lock -c 'echo a'
  2.38  0 > a
lock -- 'echo a'
  2.38  69 failed to execute --: No such file or directory
lock -c
  2.38  64 -c requires exactly one command argument
lock --command a b
  2.38  64 --command requires exactly one command argument
lock -nc 'echo a'
  2.38  69 failed to execute -nc: No such file or directory
-E-0 lock true
  2.38  0
-E 010 lock true
  2.38  0
-E 0x10 lock true
  2.38  64 invalid exit code: '0x10'
  main  64 invalid exit code (allowed values: 0-255): '0x10'
-E +256 lock true
  2.38  64 exit code out of range (expected 0 to 255)
  main  64 invalid exit code (allowed values: 0-255): '+256': Numerical result out of range
-E ' -1' lock true
  2.38  64 exit code out of range (expected 0 to 255)
  main  64 invalid exit code (allowed values: 0-255): ' -1': Numerical result out of range
-E 5x lock true
  2.38  64 invalid exit code: '5x'
  main  64 invalid exit code (allowed values: 0-255): '5x'
-E 300x lock true
  2.38  64 invalid exit code: '300x'
  main  64 invalid exit code (allowed values: 0-255): '300x'
-E -1x lock true
  2.38  64 invalid exit code: '-1x'
  main  64 invalid exit code (allowed values: 0-255): '-1x'
-E '' lock true
  2.38  64 invalid exit code: ''
  main  64 invalid exit code (allowed values: 0-255): ''
-E 2147483648 lock true
  2.38  64 invalid exit code: '2147483648': Numerical result out of range
  main  64 invalid exit code (allowed values: 0-255): '2147483648': Numerical result out of range
-E 9223372036854775808 lock true
  2.38  64 invalid exit code: '9223372036854775808': Numerical result out of range
  main  64 invalid exit code (allowed values: 0-255): '9223372036854775808': Numerical result out of range
-E 99999999999999999999 lock true
  2.38  64 invalid exit code: '99999999999999999999': Numerical result out of range
  main  64 invalid exit code (allowed values: 0-255): '99999999999999999999': Numerical result out of range
-E -99999999999999999999 lock true
  2.38  64 invalid exit code: '-99999999999999999999': Numerical result out of range
  main  64 invalid exit code (allowed values: 0-255): '-99999999999999999999': Numerical result out of range
-E 99999999999999999999x lock true
  2.38  64 invalid exit code: '99999999999999999999x': Numerical result out of range
  main  64 invalid exit code (allowed values: 0-255): '99999999999999999999x': Numerical result out of range
2147483648
  2.38  64 bad file descriptor: '2147483648': Numerical result out of range
  main  64 invalid file descriptor: '2147483648': Numerical result out of range
9223372036854775808x
  2.38  64 bad file descriptor: '9223372036854775808x': Numerical result out of range
  main  64 invalid file descriptor: '9223372036854775808x': Numerical result out of range
99999999999999999999x
  2.38  64 bad file descriptor: '99999999999999999999x': Numerical result out of range
  main  64 invalid file descriptor: '99999999999999999999x': Numerical result out of range
--fd 2147483648 true
  2.38  64? unrecognized option '--fd'
  main  64 invalid file descriptor: '2147483648': Numerical result out of range
-w 1e5000x lock true
  2.38  64 invalid timeout value: '1e5000x': Numerical result out of range
  2.42  64 invalid timeout: '1e5000x': Numerical result out of range
-w 9223372036854775807 lock true
  2.38  71 cannot set up timer: Invalid argument
  2.41  0
-w -1x lock true
  2.38  64 invalid timeout value: '-1x'
  2.42  64 invalid timeout: '-1x'
-w 0x lock true
  2.38  64 invalid timeout value: '0x'
  2.42  64 invalid timeout: '0x'
-w -1 -- -1
  2.38  71 cannot set up timer: Invalid argument
  main  64 missing file descriptor, file or directory
--start -1 lock true
  2.38  64? unrecognized option '--start'
  2.42  64 invalid as start offset: '-1': Invalid argument
--start 99999999999999999999x lock true
  2.38  64? unrecognized option '--start'
  2.42  64 invalid as start offset: '99999999999999999999x': Numerical result out of range
--length 1.5 lock true
  2.38  64? unrecognized option '--length'
  2.42  64 invalid as length of lock range: '1.5': Invalid argument
--f lock true
  2.38  64? unrecognized option '--f'
  2.41  0
  main  64? unrecognized option '--f'
--fc lock true
  2.38  64? unrecognized option '--fc'
  2.41  0
--s lock true
  2.38  0
  2.42  64? option '--s' is ambiguous; possibilities: '--shared' '--start'
  main  64? unrecognized option '--s'
--st 1 lock true
  2.38  64? unrecognized option '--st'
  2.42  0
--n lock true
  2.38  64? option '--n' is ambiguous; possibilities: '--nonblocking' '--no-fork'
  main  64? unrecognized option '--n'
--no lock true
  2.38  64? option '--no' is ambiguous; possibilities: '--nonblocking' '--no-fork'
  main  64? unrecognized option '--no'
--nb lock true
  2.38  0
--c lock true
  2.38  64? option '--c' is ambiguous; possibilities: '--conflict-exit-code' '--close'
  main  64? unrecognized option '--c'
--cl lock true
  2.38  0
--co 5 lock true
  2.38  0
--com lock true
  2.38  64? unrecognized option '--com'
--command=x lock true
  2.38  64? unrecognized option '--command=x'
--fcntl=1
  2.38  64? unrecognized option '--fcntl=1'
  2.41  64? option '--fcntl' doesn't allow an argument
  main  64? unrecognized option '--fcntl=1'
--n=1
  2.38  64? option '--n=1' is ambiguous; possibilities: '--nonblocking' '--no-fork'
  main  64? unrecognized option '--n=1'
--non=
  2.38  64? option '--nonblocking' doesn't allow an argument
  main  64? unrecognized option '--non='
--verb=2
  2.38  64? option '--verbose' doesn't allow an argument
  main  64? unrecognized option '--verb=2'
--help=x
  2.38  64? option '--help' doesn't allow an argument
  main  64? unrecognized option '--help=x'
-nc lock true
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-nc'
-cn lock true
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-cn'
-cx
  2.38  64? invalid option -- 'c'
  main  64? unrecognized option '-cx'
-z
  2.38  64? invalid option -- 'z'
  main  64? unrecognized option '-z'
-nz
  2.38  64? invalid option -- 'z'
  main  64? unrecognized option '-nz'
-zn
  2.38  64? invalid option -- 'z'
  main  64? unrecognized option '-zn'
-nzx
  2.38  64? invalid option -- 'z'
  main  64? unrecognized option '-nzx'
-n?
  2.38  64?
  main  64? unrecognized option '-n?'
-?
  2.38  64?
  main  64? unrecognized option '-?'
-:
  2.38  64? invalid option -- ':'
  main  64? unrecognized option '-:'
-W foo
  2.38  64? invalid option -- 'W'
  main  64? unrecognized option '-W'
-1
  2.38  64? invalid option -- '1'
  main  64? unrecognized option '-1'
--wait
  2.38  64? option '--wait' requires an argument
--tim
  2.38  64? option '--timeout' requires an argument
-w
  2.38  64? option requires an argument -- 'w'
  main  64? option '-w' requires an argument
-nw
  2.38  64? option requires an argument -- 'w'
  main  64? option '-nw' requires an argument
-E
  2.38  64? option requires an argument -- 'E'
  main  64? option '-E' requires an argument
--conf
  2.38  64? option '--conflict-exit-code' requires an argument
--fd
  2.38  64? unrecognized option '--fd'
  main  64? option '--fd' requires an argument
--start
  2.38  64? unrecognized option '--start'
  2.42  64? option '--start' requires an argument
--st
  2.38  64? unrecognized option '--st'
  2.42  64? option '--start' requires an argument
-nE
  2.38  64? option requires an argument -- 'E'
  main  64? option '-nE' requires an argument
"""

HINT = "Try 'flock --help' for more information.\n"


def outcome(text):
    """Status, standard output and standard error."""
    status, _, message = text.partition(" ")
    stdout = f"{message[2:]}\n" if message.startswith("> ") else ""
    stderr = f"flock: {message}\n" if message and not stdout else ""
    return int(status.rstrip("?")), stdout, stderr + (HINT if status.endswith("?") else "")


def read(table):
    """For each command line a dict of outcomes by version."""
    rows = {}
    for line in table.strip().splitlines():
        if not line.startswith("  "):
            assert line not in rows, line
            rows[line] = {}
            continue
        version, text = re.fullmatch(r"  (main|2\.\d+)  (.*)", line).groups()
        version = MAIN if version == "main" else tuple(map(int, version.split(".")))
        *_, row = rows.values()
        assert all(earlier < version for earlier in row), line
        row[version] = outcome(text)
    return rows


TABLE = read(KNOWN) | read(FOLLOWING)


def said(line, version):
    """What that version says; None if it is older than all that were tried."""
    known = [released for released in TABLE[line] if released <= version]
    return TABLE[line][max(known)] if known else None


def words_of(line):
    return shlex.split(line)


# The flock of util-linux that is compared with.


REFERENCE = os.environ.get("FLOCK_REFERENCE") or shutil.which("flock")


def version_of(binary):
    """The version of util-linux as a tuple; None if it is another flock, or none."""
    try:
        shown = subprocess.run([binary, "--version"], capture_output=True, timeout=10).stdout
    except (OSError, TypeError):
        return None
    found = re.search(rb"from util-linux (\d+)\.(\d+)", shown)
    return found and tuple(map(int, found.groups()))


VERSION = version_of(REFERENCE)
