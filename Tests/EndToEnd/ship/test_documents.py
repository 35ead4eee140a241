"""What the documents show is what happens."""

import contextlib
import fcntl
import os
import re
import shutil
import signal
import subprocess

import pytest

import documents
from conftest import PROJECT, SWLOCK, needs_root, needs_tool
from observing import appears, held, wait_until

DOCUMENTS = ["README.md", "docs/guide.md", "docs/coming-from.md", "docs/library.md", "docs/queue.md"]


def every_block(language, names=DOCUMENTS):
    return [
        pytest.param(block, id=f"{name}:{line}")
        for name in names
        for line, block in documents.blocks(name, language)
    ]


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize(
    "name, block",
    [(name, p.values[0]) for name in DOCUMENTS for p in every_block("console", [name])],
    ids=[p.id for p in every_block("console")],
)
def test_what_is_shown_is_what_is_written(folder, name, block):
    pairs = documents.commands(block)
    written = documents.run(pairs, folder, documents.scripts(name))
    for (command, shown), lines in zip(pairs, written):
        assert documents.matches(shown, lines), "\n".join([f"$ {command}", *lines])
    assert len(written) == len(pairs)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_script_that_is_shown_is_called(name):
    shown = " ".join(p.values[0] for p in every_block("console", [name])).split()
    assert set(documents.scripts(name)) <= set(shown)


def test_the_readme_is_short():
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 130


def anchors(path):
    headings = [line.lstrip("# ") for line in path.read_text().splitlines() if line.startswith("#")]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_link_within_the_project_leads_somewhere(name):
    document = PROJECT / name
    links = re.findall(r"\]\(([^)]+)\)", document.read_text())
    for link in ["".join(link.split()) for link in links if not link.startswith("http")]:
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def examples_units():
    return {path.name: path.read_text() for path in (PROJECT / "examples").glob("swlock-*")}


@pytest.mark.parametrize("block", every_block("ini"))
def test_a_unit_that_is_shown_is_that_of_the_examples(block):
    """Its first line names the file; test_examples.py tries that."""
    name, lines = re.fullmatch(r"# \S*?([^/\s]+)\n(.*)", block, re.S).groups()
    units = examples_units()[name].splitlines()
    assert set(filter(None, lines.splitlines())) <= set(units)


@needs_root
@needs_tool("systemd-tmpfiles")
@pytest.mark.parametrize("block", every_block("tmpfiles"))
def test_a_line_of_tmpfiles_makes_the_folder(folder, block):
    (folder / "lines.conf").write_text(block)
    command = ["systemd-tmpfiles", "--create", f"--root={folder}", folder / "lines.conf"]
    result = subprocess.run(command, capture_output=True)
    assert (result.returncode, result.stderr) == (0, b"")
    for line in [line for line in block.splitlines() if not line.startswith("#")]:
        _, path, mode, user, group = line.split()
        made = (folder / path[1:]).stat()
        assert made.st_mode & 0o7777 == int(mode, 8)


@needs_root
@needs_tool("unshare")
@needs_tool("jq")
def test_the_alert_tells_of_a_lock_that_is_held_for_long(folder):
    """The guide's own run of it is silent, since no lock is that old: this one says that it is."""
    (alert,) = re.findall(r"^\$ (swlock status --json \| jq .*)$", (PROJECT / "docs/guide.md").read_text(), re.M)
    steps = [
        "swlock run /run/backup/lock -- env SWLOCK_SINCE=1 sleep 1000 &",
        "until swlock status /run/backup/lock | grep -q '[0-9]s  sleep 1000'; do sleep 0.01; done",
        alert,
    ]
    assert "/run/backup/lock: sleep 1000" in documents.run([(step, []) for step in steps], folder)[-1]


# Lines of crontabs, as crontab -e and /etc/cron.d have them: cron runs them with nothing of the machine's but its
# programs, and with its own PATH unless a line sets another one. What the jobs write is mailed.
CRON = """
set -e
cp /usr/sbin/cron cron
for place in /run /etc/cron.d /var/log /var/spool/cron /usr/local/bin /usr/local/sbin /usr/sbin; do
  mkdir -p "$place" && mount -t tmpfs -o mode=755 none "$place"
done
[ ! -e /etc/crontab ] || mount --bind /dev/null /etc/crontab
mkdir -m 1777 /run/lock
mkdir /var/spool/cron/crontabs
ln -s "$SWLOCK" /usr/local/bin/swlock
ln -s "$PWD/job" /usr/local/sbin/backup
cp scripts/* /usr/local/sbin
ln -s "$PWD/mail" /usr/sbin/sendmail
install -m 600 crontab "$PLACE"
exec ./cron -f
"""
# The job says whether it runs under a lock, and ends when it is told to.
JOB = """#!/bin/sh
/usr/local/bin/swlock status -q "$SWLOCK_PATH"
echo $? >>{folder}/ran
until [ -e {folder}/stop ]; do sleep 0.05; done
"""
PLACES = {"crontab -e": "/var/spool/cron/crontabs/root", "cron.d": "/etc/cron.d/documents"}
TIMES = r"(?:[0-9*/,-]+ ){5}"


def lines_of_crontabs():
    """Each line that has times, with those before it that set variables, without its times and its user."""
    for block in every_block("crontab"):
        lines = [line for line in block.values[0].splitlines() if not line.startswith("#")]
        settings = [line for line in lines if re.match(r"[A-Z]+ *=", line)]
        # What is left is a job; its user is there in /etc/cron.d only.
        for number, line in enumerate(line for line in lines if line not in settings):
            times, user, command = re.fullmatch(rf"({TIMES}|@\w+ )(root )?(.+)", line).groups()
            for form in PLACES:
                yield pytest.param(settings, command, form, id=f"{block.id}-{number}-{form}")


@needs_root
@needs_tool("unshare")
@needs_tool("cron")
@pytest.mark.parametrize("settings, command, form", lines_of_crontabs())
def test_cron_runs_the_line_in_both_forms(folder, settings, command, form):
    """The same line twice at once: one job runs, under its lock, and the other one is left out, or waits."""
    for name, text in {"job": JOB.format(folder=folder), "mail": f"#!/bin/sh\ncat >>{folder}/mails\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder / "scripts").mkdir()
    for name, text in documents.scripts("docs/guide.md").items():
        (folder / "scripts" / name).write_text(text)
        (folder / "scripts" / name).chmod(0o755)
    (folder / "bin").mkdir()
    (folder / "bin/check").symlink_to(folder / "job")
    user = "root " if form == "cron.d" else ""
    # Only the times are other ones than those shown, and what ends is written down.
    line = f"@reboot {user}{{ {command}; }}; echo $? >>{folder}/ended"
    lines = [*settings, f"HOME={folder}", line, line]
    (folder / "crontab").write_text("\n".join(lines) + "\n")
    words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--propagation", "private"]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [*words, "sh", "-c", CRON],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "SWLOCK": os.path.realpath(SWLOCK), "PLACE": PLACES[form]},
        )
    try:
        ended = folder / "ended"
        takes_a_lock = "swlock run" in command
        waits = re.search(r" -w | --queue", command)
        if takes_a_lock:
            assert appears(folder / "ran") == b"0\n"
            if not waits:
                assert appears(ended) == b"0\n"
            (folder / "stop").touch()
        wait_until(lambda: ended.exists() and ended.read_bytes() == b"0\n0\n", timeout=60)
        if takes_a_lock:
            assert (folder / "ran").read_bytes() == b"0\n" * (2 if waits else 1)
    finally:
        process.kill()
        process.wait()
    silent = " -q" in command or waits or not takes_a_lock
    mails = folder / "mails"
    if silent:
        assert not mails.exists(), mails.read_text()
    else:
        assert "unable to lock" in appears(mails).decode()


@needs_tool("swiftc")
@pytest.mark.parametrize("block", every_block("swift"))
def test_the_library_is_used_as_it_can_be(folder, block):
    built = PROJECT / ".build" / "debug"
    modules = built / "Modules"
    if not modules.exists():
        pytest.skip("needs swift build")
    source = folder / "main.swift"
    source.write_text(f"{block}\nfunc work() {{}}\n")
    # What may not be copied is checked after the types.
    words = ["swiftc", "-emit-sil", "-o", os.devnull, "-swift-version", "6", "-I", modules, source]
    words += ["-Xcc", f"-fmodule-map-file={built}/CSystem.build/module.modulemap"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def rows():
    """The code in the first two columns of the tables of docs/coming-from.md, and the program on the left."""
    for line in (PROJECT / "docs/coming-from.md").read_text().splitlines():
        cells = re.split(r"(?<!\\)\|", line)
        if len(cells) < 4:
            continue
        left, right = (re.findall(r"`([^`]+)`", cell.replace("\\|", "|")) for cell in cells[1:3])
        if left and right and "swlock" in right[0]:
            program = re.search(r"\b(flock|lockrun)\b", left[0])
            yield pytest.param(left[0], right[0], bool(program), id=left[0])


SIDES = [
    pytest.param(words, id=f"{row.id} {side}")
    for row in rows()
    for side, words in [("right", row.values[1]), ("left", row.values[0])]
    if side == "right" or row.values[2]
]
# Those that need a lock that the script has.
LOOKING = [p for p in SIDES if re.match(r"(! )?swlock (status|release|refresh)", p.values[0])]
ENTERING = [p for p in SIDES if p not in LOOKING]


@pytest.fixture
def typed(folder):
    """Starts a line as a script of its own; the names that swlock can have come first in PATH."""
    (folder / "names").mkdir()
    for name in ("swlock", "flock", "lockrun"):
        (folder / "names" / name).symlink_to(os.path.realpath(SWLOCK))
    (folder / "lock").touch(mode=0o600)
    (folder / "script").touch(mode=0o700)
    started = []

    def start(words):
        words = words.replace("FILE", "lock")
        # Without a command it is the rest of the script that runs under the lock.
        words = words.replace("CMD", "touch ran") if "CMD" in words else f"{words} && touch ran"
        (folder / "script").write_text(f"#!/bin/bash\n{words}\n")
        process = subprocess.Popen(
            [folder / "script"],
            cwd=folder,
            env={**os.environ, "PATH": f"{folder}/names:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


@pytest.mark.parametrize("words", ENTERING)
def test_a_line_of_coming_from_enters_a_free_lock(folder, typed, words):
    if "dotlockfile" in words and shutil.which("dotlockfile") is None:
        pytest.skip("needs dotlockfile")
    process = typed(words)
    said = process.communicate(timeout=30)
    assert process.returncode == 0, said
    assert said == (b"", b"") or re.search(r"verbose| -v ", words)
    assert (folder / "ran").exists()


def replaces(words):
    return re.search(r"--replace(?!=)", words)


@pytest.mark.parametrize("words", [p for p in ENTERING if replaces(p.values[0])])
def test_a_line_of_coming_from_ends_who_has_the_lock(folder, typed, words):
    holder = subprocess.Popen([SWLOCK, "run", folder / "lock", "sleep", "1000"])
    try:
        wait_until(lambda: subprocess.run([SWLOCK, "status", "-q", folder / "lock"]).returncode == 0)
        process = typed(words)
        assert process.communicate(timeout=30) == (b"", b"") and process.returncode == 0
        assert (folder / "ran").exists()
        assert holder.wait(30) == 128 + signal.SIGTERM
    finally:
        holder.kill()
        holder.wait()


@pytest.mark.parametrize("words", [p for p in ENTERING if not replaces(p.values[0])])
def test_a_line_of_coming_from_does_not_enter_a_held_lock(folder, typed, words):
    gives_up = " -n " in words or "lockrun" in words and " -W " not in words
    with contextlib.ExitStack() as held_by_us:
        if '"$0"' in words:
            # Not for writing: then it could not be executed.
            descriptor = os.open(folder / "script", os.O_RDONLY | os.O_CLOEXEC)
            held_by_us.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        else:
            held_by_us.enter_context(held(folder / "lock"))
            held_by_us.enter_context(held(folder / "lock", "ofd"))
        process = typed(words)
        if gives_up:
            said = process.communicate(timeout=30)
            assert (process.returncode == 0) == bool(re.search(r"-E 0| -I ", words)), said
            assert "swlock" not in words or bool(said[1]) == (" -q" not in words)
        else:
            with pytest.raises(subprocess.TimeoutExpired):
                process.communicate(timeout=0.3)
        assert not (folder / "ran").exists()


@pytest.mark.parametrize("words", LOOKING)
def test_a_line_of_coming_from_looks_at_a_lock_or_ends_it(folder, typed, words):
    mode = "-m hardlink" if "refresh" in words else ""
    (folder / "lock").unlink()
    process = typed(f"swlock acquire {mode} lock; {words} >/dev/null; echo $?; swlock release lock")
    assert process.communicate(timeout=30)[0] == (b"1\n" if words.startswith("!") else b"0\n")


MANUAL = sorted((PROJECT / "man").glob("*.in"))


def examples_of_the_manual():
    for page in MANUAL:
        for text in page.read_text().split(".Sh EXAMPLES")[1:]:
            for paragraph in text.split("\n.Sh ")[0].split("\n.Pp\n"):
                lines = re.findall(r"^\.Dl (.*)$", paragraph, re.M)
                if lines:
                    yield [
                        line.replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\") for line in lines
                    ]


@needs_tool("man")
@pytest.mark.parametrize("template", MANUAL, ids=lambda path: path.stem)
def test_a_page_of_the_manual_is_shown(template):
    """It says whose it is: without that, man(1) takes it for one of BSD's."""
    page = template.with_suffix("")
    environment = {**os.environ, "MANWIDTH": "80", "MANPAGER": "cat"}
    result = subprocess.run(["man", "-l", page], env=environment, capture_output=True, text=True)
    # A row of a table that is too wide is complained of.
    assert (result.returncode, result.stderr) == (0, ""), result
    first, *_, last = result.stdout.strip().splitlines()
    assert "Manual" in first and "BSD" not in first
    assert re.match(r"swlock \d", last)
    assert not re.search(r"@[A-Z]+", result.stdout)


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize("lines", examples_of_the_manual(), ids=lambda lines: lines[0][:40])
def test_the_examples_of_the_manual_work(folder, lines):
    """Those of a crontab without their times, those of a unit without their keys."""
    times, keys = r"^(?:[0-9*/,-]+ ){5}root ", r"RuntimeDirectory\w*=|SuccessExitStatus="
    lines = [re.sub(rf"{times}|^ExecStart=|/usr/local/bin/", "", line) for line in lines]
    lines = [line for line in lines if not re.match(keys, line)]
    pairs = [pair for line in lines for pair in [(line, []), ("echo $?", [])]]
    written = documents.run(pairs, folder)
    assert written[1::2] == [["0"]] * len(lines), written
