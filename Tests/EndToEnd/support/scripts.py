"""Scripts that call swlock: $S is the binary, and $M a mode."""

import os
import shutil
import subprocess

import pytest


def _run(words, folder, name, mode, options):
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}")
    options.setdefault("stdin", subprocess.DEVNULL)
    options.setdefault("stdout", subprocess.PIPE)
    options.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(words, cwd=folder, env={**os.environ, "M": mode}, timeout=60, **options)


def shell(folder, text, name="sh", mode="flock", prefix=(), **options):
    """Runs what stands behind `-c`; a shell may become its last command."""
    return _run([*prefix, name, "-c", text], folder, name, mode, options)


def script(folder, text, name="bash", mode="flock", prefix=(), **options):
    """Runs a script that is a file; no shell becomes its last command."""
    (folder / "script").write_text(text)
    words = [name, "sh"] if name == "busybox" else [name]
    return _run([*prefix, *words, "script"], folder, name, mode, options)
