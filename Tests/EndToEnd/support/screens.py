"""What swlock writes on a terminal at standard error."""

import os
import pty
import re
import select

from observing import PATIENCE, wait_until


class Screen:
    """A terminal for standard error, and what was written on it."""

    def __init__(self, swlock, *words, term="xterm"):
        self.reading, writing = pty.openpty()
        env = {**os.environ, "TERM": term}
        env.pop("NO_COLOR", None)
        self.process = swlock.start(*words, stderr=writing, env=env)
        os.close(writing)
        self.written = b""

    def rest(self):
        """All, up to the end of the last process that has the terminal."""
        return self.read(PATIENCE)

    def read(self, timeout=0):
        while select.select([self.reading], [], [], timeout)[0]:
            try:
                chunk = os.read(self.reading, 65536)
            except OSError:
                break
            if not chunk:
                break
            self.written += chunk
        return self.written

    def shows(self, pattern):
        wait_until(lambda: re.search(pattern, self.read()))
        return self.written
