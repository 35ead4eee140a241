"""What bash, zsh and fish offer when TAB is pressed, in real ones on a pseudo-terminal."""

import contextlib
import os
import re
import shutil
import subprocess

import pexpect
import pytest

from conftest import PROJECT, SWLOCK
from observing import held, nothing_left, wait_until  # noqa: F401

COMPLETIONS = PROJECT / "completions"
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"
TAB, KILL_LINE, DUMP = "\t", "\x15", "\x18d"

# How a shell is started, and what makes it offer swlock's words, and write its line into the file
# `line` at Ctrl-X d.
SHELLS = {
    "bash": (
        ["--norc", "--noprofile", "-i"],
        f"""
        PS1='> '
        for name in 'show-all-if-ambiguous on' 'completion-query-items 0' 'page-completions off' \\
            'bell-style none' 'enable-bracketed-paste off'; do bind "set $name"; done
        source {BASH_COMPLETION}
        source {COMPLETIONS}/swlock.bash
        dump() {{ printf '%s\\n' "$READLINE_LINE" >line.new; mv line.new line; }}
        bind -x '"\\C-xd": dump'
        """,
    ),
    "zsh": (
        ["-f", "-i"],
        f"""
        PS1='> ' LISTMAX=100000
        fpath=({COMPLETIONS} $fpath)
        autoload -Uz compinit
        compinit -u -D
        setopt no_list_ambiguous
        dump() {{ print -r -- "$BUFFER" >line.new; command mv line.new line }}
        zle -N dump
        bindkey -e
        bindkey '^Xd' dump
        """,
    ),
    "fish": (
        ["--no-config", "-i"],
        f"""
        set -g fish_complete_path {COMPLETIONS} $fish_complete_path
        function fish_prompt; echo '> '; end
        function fish_right_prompt; end
        function dump; commandline >line.new; command mv line.new line; end
        bind \\cxd dump
        """,
    ),
}


class Completer:
    """An interactive shell with swlock's completion, in an empty folder."""

    def __init__(self, shell, folder):
        self.shell = shell
        self.place = folder / "empty"
        self.place.mkdir()
        self.line = self.place / "line"
        binaries = folder / "binaries"
        binaries.mkdir()
        (binaries / "swlock").symlink_to(SWLOCK)
        options, setup = SHELLS[shell]
        # The shell reads it as it would its own start-up file.
        (folder / "setup").write_text(setup + "\n: >ready\n")
        env = {**os.environ, "TERM": "xterm", "HISTFILE": "/dev/null", "HOME": str(folder)}
        env |= {"PATH": f"{binaries}:{os.environ['PATH']}", "XDG_DATA_HOME": str(folder)}
        for name in ("PROMPT_COMMAND", "ENV", "LS_COLORS", "ZDOTDIR"):
            env.pop(name, None)
        self.child = pexpect.spawn(
            shell, options, cwd=str(self.place), env=env, dimensions=(400, 2000), timeout=30
        )
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.01
        self.shown = b""
        self.child.send(f"source {folder}/setup\r")
        self.await_file(self.place / "ready").unlink()

    def drain(self):
        """Reads what there is to read; without that the shell would wait at a full terminal."""
        with contextlib.suppress(pexpect.TIMEOUT, pexpect.EOF):
            while True:
                self.shown += self.child.read_nonblocking(65536, timeout=0)

    def await_file(self, path):
        def there():
            self.drain()
            return path.exists()

        wait_until(there, timeout=60)
        return path

    def read_line(self):
        """The line as the shell has it now; then it is empty again."""
        self.child.send(DUMP)
        text = self.await_file(self.line).read_text().removesuffix("\n")
        self.line.unlink()
        self.child.send(KILL_LINE)
        return text

    def completed(self, typed):
        """The line that TAB makes of it."""
        self.shown = b""
        self.child.send(typed + TAB)
        return self.read_line()

    def offered(self, typed):
        """The words that are shown for choice."""
        if self.shell == "fish":
            # Its pager shows a part only.
            name = self.place / "offered"
            self.child.send(f"complete -C '{typed}' >offered.new; mv offered.new offered\r")
            lines = self.await_file(name).read_text().splitlines()
            name.unlink()
            return {line.partition("\t")[0] for line in lines}
        self.completed(typed)
        self.drain()
        text = re.sub(rb"\x1b[\[(][0-9;?]*[A-Za-z]|[\x07\x0f]", b" ", self.shown)
        return set(text.decode().replace(typed, " ").split())

    def close(self):
        with contextlib.suppress(pexpect.ExceptionPexpect):
            self.child.close(force=True)


@pytest.fixture(params=SHELLS)
def completer(request, folder, nothing_left):  # noqa: F811
    if shutil.which(request.param) is None:
        pytest.skip(f"needs {request.param}")
    if request.param == "bash" and not os.path.exists(BASH_COMPLETION):
        pytest.skip("needs bash-completion")
    opened = Completer(request.param, folder)
    yield opened
    opened.close()


def help_on(*words):
    return subprocess.run([SWLOCK, "help", *words], capture_output=True, check=True).stdout.decode()


def commands():
    section = help_on().partition("Commands:\n")[2].partition("\n\n")[0]
    return re.findall(r"^  ([a-z]+) ", section, re.MULTILINE)


def options_of(command):
    """Every name of every option that help on the command lists."""
    lines = re.findall(r"^  (-\w|  )(?:, |  )(--[a-z0-9-]+)", help_on(command), re.MULTILINE)
    return {name for names in lines for name in names} - {"  "}


def test_the_table_is_read_from_help():
    assert {"run", "status", "cleanup", "as"} <= set(commands())
    assert {"-m", "--mode", "--retry-errno", "--help", "-V"} <= options_of("run")


def test_every_command_is_offered(completer):
    assert set(commands()) <= completer.offered("swlock ")
    assert set(commands()) <= completer.offered("swlock help ")


def test_every_option_of_every_command_is_offered(completer):
    for command in commands():
        wanted = options_of(command) if command not in ("help", "version") else set()
        found = completer.offered(f"swlock {command} -")
        if completer.shell == "fish":
            found |= completer.offered(f"swlock {command} --")
        assert wanted <= found, command


def test_every_option_of_another_program_is_offered(completer):
    for program, wanted in {
        "flock": {"-x", "-n", "-c", "--shared", "--unlock", "--timeout", "--command", "--no-fork", "--fd"},
        "lockrun": {"-L", "-q", "--lockfile", "--wait", "--retries", "--idempotent"},
    }.items():
        help_text = subprocess.run([SWLOCK, "as", program, "--help"], capture_output=True).stdout.decode()
        wanted |= set(re.findall(r"^ *(?:-\w, )?(--[a-z-]+)", help_text, re.MULTILINE))
        found = completer.offered(f"swlock as {program} --")
        assert {name for name in wanted if name.startswith("--")} <= found, program
        assert wanted <= found | completer.offered(f"swlock as {program} -"), program


# What is typed, and the line after TAB; a set is of words that are offered for choice.
CASES = {
    "command": ("swlock rele", "swlock release "),
    "option": ("swlock run --lefto", ("swlock run --leftovers ", "swlock run --leftovers=")),
    "option after the path": ("swlock run x --unl", "swlock run x --unlink "),
    "mode": ("swlock run --mode h", "swlock run --mode hardlink "),
    "mode by letter": ("swlock run -m h", "swlock run -m hardlink "),
    "mode after =": ("swlock run --mode=h", "swlock run --mode=hardlink "),
    "mode in a cluster": ("swlock run -nm h", "swlock run -nm hardlink "),
    "every mode": ("swlock acquire --mode ", {"flock", "posix", "ofd", "flock+ofd", "hardlink", "auto"}),
    "style": ("swlock run --style p", "swlock run --style portage "),
    "leftovers": ("swlock run --leftovers ", {"keep", "wait", "kill", "release"}),
    "error": ("swlock run --retry-errno ESTA", "swlock run --retry-errno ESTALE "),
    "signal": ("swlock break --kill=US", {"USR1", "USR2"}),
    "one signal": ("swlock break --kill=AB", "swlock break --kill=ABRT "),
    "sidecar": ("swlock run --sidecar=p", "swlock run --sidecar=portage "),
    "group": ("swlock run --group daem", "swlock run --group daemon "),
    "limits": ("swlock run --rlimit n", {"nofile", "nproc"}),
    "limit": ("swlock run --rlimit nof", "swlock run --rlimit nofile="),
    "yes or no": ("swlock run --path-lookup n", "swlock run --path-lookup no "),
    "variable": ("swlock run --unset XDG_DATA_HO", "swlock run --unset XDG_DATA_HOME "),
    "user": ("swlock run --user daem", "swlock run --user daemon "),
    "folder": ("swlock run --chdir ../some-f", "swlock run --chdir ../some-folder/"),
    "no file as folder": ("swlock run --chdir ../some-l", "swlock run --chdir ../some-l"),
    "state": ("swlock run --fakeroot=../some-l", "swlock run --fakeroot=../some-lock "),
    "file of a log": ("swlock run --log ../some-l", "swlock run --log ../some-lock "),
    "nothing for a mapping": ("swlock run --fd ", "swlock run --fd "),
    "nobody": ("swlock acquire --owner non", "swlock acquire --owner none "),
    "program": ("swlock as lockr", "swlock as lockrun "),
    "flock's option": ("swlock as flock --unl", "swlock as flock --unlock "),
    "flock's option after a value": ("swlock as flock -w 5 --unl", "swlock as flock -w 5 --unlock "),
    "flock's file": ("swlock as flock -n ../some-l", "swlock as flock -n ../some-lock "),
    "flock's command": ("swlock as flock -w 5 x basena", "swlock as flock -w 5 x basename "),
    "lockrun's option": ("swlock as lockrun -q --idem", "swlock as lockrun -q --idempotent "),
    "lockrun's file": ("swlock as lockrun -L ../some-l", "swlock as lockrun -L ../some-lock "),
    "lockrun's command": ("swlock as lockrun -L x -- basena", "swlock as lockrun -L x -- basename "),
    "topic": ("swlock help transf", "swlock help transfer "),
    "lock file": ("swlock run ../some-l", "swlock run ../some-lock "),
    "lock file after a range": (
        "swlock run -m ofd --range 4:2 ../some-l",
        "swlock run -m ofd --range 4:2 ../some-lock ",
    ),
    "lock files": ("swlock cleanup a ../some-l", "swlock cleanup a ../some-lock "),
    "file to release": ("swlock release ../some-l", "swlock release ../some-lock "),
    "file to break": ("swlock break ../some-l", "swlock break ../some-lock "),
    "no file for a duration": ("swlock run --timeout ../some-l", "swlock run --timeout ../some-l"),
    "command's name": ("swlock run x -- basena", "swlock run x -- basename "),
    "command without --": ("swlock run x basena", "swlock run x basename "),
    "command after --nonblock": ("swlock run -n x -- basena", "swlock run -n x -- basename "),
    "command after a value": ("swlock run -w 5 x basena", "swlock run -w 5 x basename "),
    "command after =": ("swlock run --mode=ofd x basena", "swlock run --mode=ofd x basename "),
    "path after --": ("swlock run -- ../some-l", "swlock run -- ../some-lock "),
    "command after -- and the path": ("swlock run -- x basena", "swlock run -- x basename "),
    "command's file": ("swlock run x -- cat ../some-l", "swlock run x -- cat ../some-lock "),
    "swlock as command": ("swlock run x -- swlock run -m h", "swlock run x -- swlock run -m hardlink "),
}


def test_tab_completes_what_is_known(completer, folder):
    (folder / "some-lock").touch()
    (folder / "some-folder").mkdir()
    wrong = {}
    for name, (typed, wanted) in CASES.items():
        if isinstance(wanted, set):
            # Of what is shown with the option's name, the value counts.
            offered = completer.offered(typed)
            found = {word.removesuffix("=").rpartition("=")[2] for word in offered}
            right = wanted <= found
        else:
            found = completer.completed(typed)
            right = found in wanted if isinstance(wanted, tuple) else found == wanted
        if not right:
            wrong[name] = (typed, wanted, found)
    assert not wrong


def test_the_commands_own_completion_is_used(completer, folder):
    """Here swlock's own; for a command that nobody knows, files."""
    (folder / "some-lock").touch()
    assert "--leftovers" in completer.offered("swlock run x -- swlock run --l")
    typed = "swlock run -n x -- ./nothing ../some-l"
    assert completer.completed(typed) == typed + "ock "


def test_processes_are_offered_as_owners(completer):
    pid = completer.child.pid
    for typed in (f"swlock acquire --owner {pid}", f"swlock transfer x --to {pid}"):
        # A word that is known, and begins no other, gets a space.
        whole = completer.completed(typed) == typed + " "
        # Where not the whole word is given.
        assert whole or str(pid) in completer.offered(typed)
    typed = "swlock acquire --owner 4194305"
    assert completer.completed(typed) == typed


def test_open_descriptors_are_offered(completer):
    assert "2" in completer.offered("swlock acquire --fd ")


def test_locked_files_are_offered_wherever_they_are(completer, folder):
    (folder / "there").mkdir()
    with held(folder / "there" / "somebody-has-this"):
        for command in ("release", "status", "break"):
            # /proc/locks leaves lines out where other locks come and go while it is read.
            wait_until(lambda: any("somebody-has-this" in word for word in completer.offered(f"swlock {command} ")))  # noqa: B023
            # What is typed already is completed as files are, a folder at a time.
            typed = f"swlock {command} {folder}/th"
            assert completer.completed(typed) == typed + "ere/"
