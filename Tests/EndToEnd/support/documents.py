"""Runs the examples of the documents: what stands in a console block is typed into a shell.

A line that begins with `$ ` is a command; the lines until the next one are what it writes to standard
output and standard error. `…` stands for anything within a line.
"""

import os
import re
import subprocess

from conftest import PROJECT, SWLOCK

# Commands of the examples that are nobody's.
STUBS = {
    "build": "echo the build is done",
    "job": "echo the job is done",
    "report": "echo the report is written",
    "import": "echo the import is done",
    "update-mirror": "mkdir -p /srv/mirror; echo the mirror is up to date",
    "rsync": "echo rsync",
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


def prepare(folder):
    """A folder of programs, and the environment that has them in its $PATH."""
    programs = folder / "bin"
    programs.mkdir()
    (programs / "swlock").symlink_to(os.path.realpath(SWLOCK))
    for name, text in STUBS.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    folder.chmod(0o755)
    environment = {
        "PATH": f"{programs}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C",
    }
    return environment


# What `status` says of a machine that hides some of its processes, as containers do.
REMARK = re.compile("  pid .* cannot be inspected|  .* processes cannot be|  seen from inside")
MARK = "--- next command ---"
# Folders of its own, so that examples can name the places where locks are kept.
SETUP = """
mount --make-rprivate /
for folder in /run/lock /srv /var/log; do
  mkdir -p "$folder" && mount -t tmpfs swlock-documents "$folder" && chmod 1777 "$folder" || exit 99
done
mkdir -m 1777 /srv/nfs
"""


def run(pairs, folder):
    """Types the commands into one shell; what each of them wrote, as lists of lines."""
    script = [SETUP]
    for command, _ in pairs:
        if command.endswith("&"):
            path = re.search(r"(/run/lock|/srv)/[^ ]+", command).group()
            script.append(f"{command}\nuntil swlock status -q {path}; do sleep 0.01; done")
        else:
            script.append(command)
        script.append(f"status=$?; echo '{MARK}'; (exit $status)")
    script.append("kill $(jobs -p) 2>/dev/null; wait 2>/dev/null")
    result = subprocess.run(
        ["unshare", "-m", "bash", "--norc", "-c", "\n".join(script), "bash"],
        cwd=folder,
        env=prepare(folder),
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
