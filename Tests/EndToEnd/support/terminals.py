"""An interactive shell on a pseudo-terminal, driven as a user would."""

import contextlib
import os
import shutil

import pexpect
import pytest

from conftest import SWLOCK
from observing import processes_in, wait_until

# With what mksh wants to see in the prompt of root.
PROMPT = "ready#> "
SHELLS = {
    "bash": ["bash", "--norc", "--noprofile", "--noediting", "-i"],
    "dash": ["dash", "-i"],
    "zsh": ["zsh", "-f", "-i", "+Z", "-o", "noprompt_cr", "-o", "noprompt_sp"],
    "mksh": ["mksh", "-i", "+o", "emacs"],
}
# The same as their users have them: the shell edits the line, and the terminal has modes for that.
EDITORS = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "mksh": ["mksh", "-i"],
}

INTERRUPT, SUSPEND, QUIT = "\x03", "\x1a", "\x1c"


def hang_up(child):
    child.ptyproc.fileobj.close()
    wait_until(lambda: not child.isalive())


class Terminal:
    """A shell with job control in `folder`; nothing is echoed, so what is read was written, unless the
    shell edits its lines.
    """

    def __init__(self, words, folder):
        env = {**os.environ, "PS1": PROMPT, "PS2": "", "TERM": "dumb", "HISTFILE": "/dev/null"}
        env["S"] = SWLOCK
        env.pop("PROMPT_COMMAND", None)
        env.pop("ENV", None)
        self.shell, self.folder = words[0], folder
        self.child = pexpect.spawn(
            words[0], words[1:], cwd=str(folder), env=env, timeout=10, echo=False
        )
        self.child.delaybeforesend = None
        self.child.delayafterclose = self.child.delayafterterminate = 0.01
        self.child.ptyproc.delayafterclose = self.child.ptyproc.delayafterterminate = 0.01
        self.prompt()

    def prompt(self):
        """Waits for the prompt; what came before it."""
        self.child.expect_exact(PROMPT)
        return self.child.before.decode().replace("\r\n", "\n")

    def prompts(self):
        """Whether there is another prompt, which counts as waited for."""
        return self.child.expect_exact([PROMPT, pexpect.TIMEOUT], timeout=0) == 0

    def expect(self, text):
        self.child.expect_exact(text)

    def send(self, keys):
        self.child.send(keys)

    def type(self, line):
        self.child.sendline(line)

    def do(self, line):
        """Types a line and waits for the prompt; what was written in between."""
        self.type(line)
        return self.prompt()

    def interrupt(self):
        """The key, at the prompt; without its editor zsh shows that again only behind a line."""
        self.send(INTERRUPT + ("\r" if self.shell == "zsh" else ""))
        self.prompt()

    def job(self):
        """The processes in its folder, but for the shell."""
        return [pid for pid in processes_in(self.folder) if pid != self.child.pid]

    def status(self):
        return int(self.do("echo $?").split()[-1])

    def owner(self):
        """The terminal's foreground process group."""
        return os.tcgetpgrp(self.child.fileno())

    def owned_by_the_shell(self):
        return wait_until(lambda: self.owner() == self.child.pid)

    def hang_up(self):
        """Closes the window: the kernel sends HUP, and nobody else does."""
        hang_up(self.child)

    def close(self):
        with contextlib.suppress(pexpect.ExceptionPexpect):
            self.child.close(force=True)


@pytest.fixture(params=SHELLS)
def terminal(request, folder, nothing_left):
    """An interactive shell in the test's folder, with its jobs gone at the end."""
    if shutil.which(request.param) is None:
        pytest.skip(f"needs {request.param}")
    opened = Terminal(SHELLS[request.param], folder)
    yield opened
    opened.close()
