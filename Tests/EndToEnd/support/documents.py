"""Runs the examples of the documents: what stands in a console block is typed into a shell.

A line that begins with `$ ` is a command; the lines until the next one are what it writes to standard
output and standard error. `…` stands for anything within a line. A sh block is a script, whose name is the first
word of its second line; the console blocks of the document call it by that.
"""

import os
import re
import shutil
import subprocess

from conftest import PROJECT, SWLOCK
from engines import ENGINE

# Commands of the examples that are nobody's.
STUBS = {
    "build": "echo the build is done",
    "job": "echo the job is done",
    "report": "echo the report is written",
    "import": "echo the import is done",
    "update-mirror": "mkdir -p /srv/mirror; echo the mirror is up to date",
    "rsync": "echo rsync",
    "etcd": "exec sleep 60",
    # Goes to the background as daemons do, with all descriptors closed, and ends when the test's folder is gone.
    "my-daemon": """exec python3 -ISc '
import os, sys, time
ready, told = os.pipe()
if sys.argv[2:] == ["--foreground"] or os.fork() == 0:
    if sys.argv[2:] == []:
        os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(null, number)
    os.closerange(3, told)
    os.closerange(told + 1, 1024)
    os.close(told)
    while os.path.exists(sys.argv[1]):
        time.sleep(0.05)
else:
    os.close(told)
    os.read(ready, 1)
' "$0" "$@"
""",
}


def blocks(document, language):
    """The fenced blocks of that language, each with the number of its first line."""
    text = (PROJECT / document).read_text()
    found = []
    for match in re.finditer(rf"^```{language}\n(.*?)^```$", text, re.M | re.S):
        found.append((text[: match.start()].count("\n") + 2, match.group(1)))
    return found


def commands(block):
    """The commands of a console block, each with the lines that it is to write."""
    found = []
    for line in block.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        else:
            found[-1][1].append(line)
    return found


def scripts(document):
    """The scripts of a document, by their names."""
    found = [text for _, text in blocks(document, "sh")]
    return {text.splitlines()[1].split()[1].rstrip(":"): text for text in found}


def prepare(folder, programs_shown):
    """A folder of programs, and the environment that has them in its $PATH."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "swlock").symlink_to(os.path.realpath(SWLOCK))
    texts = {name: f"#!/bin/sh\n{text}\n" for name, text in STUBS.items()}
    for name, text in (texts | programs_shown).items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    # What is shown of etcd is shown with the tests' engine instead.
    engines = folder / "engines"
    (engines / "locks").mkdir(parents=True)
    shutil.copy(ENGINE, engines / "etcd")
    (engines / "etcd").chmod(0o755)
    for path in [folder, engines]:
        path.chmod(0o755)
    environment = {
        "PATH": f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C",
        "SWLOCK_ENGINE_PATH": str(engines),
        "ENGINE_FOLDER": str(engines / "locks"),
    }
    return environment


# What `status` says of a machine that hides some of its processes, as containers do.
REMARK = re.compile("  pid .* cannot be inspected|  .* processes cannot be|  seen from inside")
MARK = "--- next command ---"
# Folders of its own, so that examples can name the places where locks are kept.
SETUP = """
mount --make-rprivate /
for folder in /run /srv /var/log; do
  mkdir -p "$folder" && mount -t tmpfs -o mode=755 swlock-documents "$folder" || exit 99
done
mkdir -m 1777 /run/lock /srv/nfs
chmod 1777 /srv
# Those who have the lock at $1 or wait for it.
involved() {
  swlock status "$1" 2>/dev/null | grep -cE "^ +(held|waits) |: held by|  held by"
}
"""
PATH = re.compile(r"(?:/run|/srv)/[^ ]+")


def folders_of(commands):
    """What a line of tmpfiles.d makes: the folders below /run of the lock files, unless a command does."""
    text = "\n".join(commands)
    names = dict.fromkeys(re.findall(r"/run/(?!lock/)([a-z-]+)/", text))
    return [name for name in names if not re.search(rf"install -d .*/run/{name}\b", text)]


def run(pairs, folder, programs_shown={}):
    """Types the commands into one shell; what each of them wrote, as lists of lines."""
    script = [SETUP]
    typed = [command for command, _ in pairs] + list(programs_shown.values())
    script += [f"mkdir -p -m 700 /run/{name}" for name in folders_of(typed)]
    for command, _ in pairs:
        if command.endswith("&"):
            # Until it has the lock that it names, or waits for it.
            found = PATH.search(command)
            path = found.group() if found else "/nowhere"
            script.append(f"before=$(involved {path})\n{command}")
            if found:
                script.append(f"until [ $(involved {path}) -gt $before ]; do sleep 0.01; done")
        else:
            script.append(command)
        script.append(f"status=$?; echo '{MARK}'; (exit $status)")
    # Also what flock(1) leaves when it is killed.
    script.append("for job in $(jobs -p); do pkill -P $job; kill $job; done 2>/dev/null; wait 2>/dev/null")
    result = subprocess.run(
        ["unshare", "-m", "bash", "--norc", "-c", "\n".join(script), "bash"],
        cwd=folder,
        env=prepare(folder, programs_shown),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
    )
    assert result.returncode != 99, result.stdout
    written = result.stdout.decode().split(f"{MARK}\n")
    return [[line for line in text.splitlines() if not REMARK.match(line)] for text in written[:-1]]


def matches(shown, written):
    """Whether the lines shown are those that were written; runs of spaces count as one."""
    if len(shown) != len(written):
        return False
    for expected, line in zip(shown, written):
        pattern = ".*".join(re.escape(part) for part in " ".join(expected.split()).split("…"))
        if not re.fullmatch(pattern, " ".join(line.split())):
            return False
    return True
