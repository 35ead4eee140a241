"""What the documents show is what happens."""

import os
import re
import shutil
import subprocess

import pytest

import documents
from conftest import PROJECT, SWLOCK, needs_root, needs_tool

DOCUMENTS = ["README.md", "docs/guide.md"]


def every_block(language):
    return [
        pytest.param(block, id=f"{name}:{line}")
        for name in DOCUMENTS
        for line, block in documents.blocks(name, language)
    ]


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize("block", every_block("console"))
def test_what_is_shown_is_what_is_written(folder, block):
    pairs = documents.commands(block)
    written = documents.run(pairs, folder)
    for (command, shown), lines in zip(pairs, written):
        assert documents.matches(shown, lines), "\n".join([f"$ {command}", *lines])
    assert len(written) == len(pairs)


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize("block", every_block("crontab"))
def test_a_line_of_a_crontab(folder, block):
    """Its five times and its user are followed by the command."""
    for line in block.splitlines():
        command = re.fullmatch(r"(?:[0-9*/,-]+ ){5}root (.+)", line).group(1)
        command = command.replace("/usr/local/bin/swlock", "swlock")
        assert documents.run([(command, [])], folder) == [["rsync"]]


@needs_tool("swiftc")
@pytest.mark.parametrize("block", every_block("swift"))
def test_the_library_is_used_as_it_can_be(folder, block):
    built = PROJECT / ".build" / "debug"
    modules = built / "Modules"
    if not modules.exists():
        pytest.skip("needs swift build")
    source = folder / "main.swift"
    source.write_text(f"{block}\nfunc work() {{}}\n")
    words = ["swiftc", "-typecheck", "-swift-version", "6", "-I", modules, source]
    words += ["-Xcc", f"-fmodule-map-file={built}/CSystem.build/module.modulemap"]
    result = subprocess.run(words, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


def rows(heading):
    """The code in the two columns of the README's table under that heading."""
    table = (PROJECT / "README.md").read_text().split(heading)[1].split("\n\n")[1]
    found = [re.findall(r"`([^`]+)`", line) for line in table.splitlines()[2:]]
    return [words for words in found if len(words) == 2]


@pytest.mark.parametrize("theirs, ours", rows("has for each of them:"))
def test_what_replaces_flock_and_lockrun_works(folder, theirs, ours):
    if "$0" in theirs:
        pytest.skip("a line of a script: see test_a_script_that_locks_itself")
    for words in [f"swlock as {theirs}", ours]:
        words = words.replace("FILE", "lock").replace("CMD", "true")
        result = subprocess.run(
            ["bash", "-c", f"exec 9>file; {words}"],
            cwd=folder,
            env={**os.environ, "PATH": f"{os.path.dirname(SWLOCK)}:{os.environ['PATH']}"},
            capture_output=True,
        )
        assert (result.returncode, result.stdout, result.stderr) == (0, b"", b""), words


def test_a_script_that_locks_itself(folder):
    script = folder / "script"
    script.write_text(
        "#!/bin/sh\n"
        '[ "$LOCKED" ] || exec env LOCKED=1 swlock run -n "$0" -- "$0" "$@"\n'
        'swlock status -q "$0" && echo "locked: $*"\n'
    )
    script.chmod(0o755)
    environment = {**os.environ, "PATH": f"{os.path.dirname(SWLOCK)}:{os.environ['PATH']}"}
    result = subprocess.run([script, "a", "b"], env=environment, capture_output=True)
    assert (result.stdout, result.stderr) == (b"locked: a b\n", b"")


MANUAL = sorted((PROJECT / "man").glob("*.in"))


def examples_of_the_manual():
    for page in MANUAL:
        for text in page.read_text().split(".Sh EXAMPLES")[1:]:
            for paragraph in text.split("\n.Sh ")[0].split("\n.Pp\n"):
                lines = re.findall(r"^\.Dl (.*)$", paragraph, re.M)
                if lines:
                    yield [line.replace("\\-", "-").replace("\\e", "\\") for line in lines]


@needs_tool("man")
@pytest.mark.parametrize("template", MANUAL, ids=lambda path: path.stem)
def test_a_page_of_the_manual_is_shown(template):
    """It says whose it is: without that, man(1) takes it for one of BSD's."""
    page = template.with_suffix("")
    environment = {**os.environ, "MANWIDTH": "80", "MANPAGER": "cat"}
    result = subprocess.run(["man", "-l", page], env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result
    first, *_, last = result.stdout.strip().splitlines()
    assert "Manual" in first and "BSD" not in first
    assert re.match(r"swlock \d", last)
    assert "@" not in re.sub(r"@\w+\.", "", result.stdout)


@needs_root
@needs_tool("unshare")
@pytest.mark.parametrize("lines", examples_of_the_manual(), ids=lambda lines: lines[0][:40])
def test_the_examples_of_the_manual_work(folder, lines):
    """Those of a crontab without their times, those of a unit without their keys."""
    lines = [re.sub(r"^(?:[0-9*/,-]+ ){5}/usr/local/bin/|^ExecStart=", "", line) for line in lines]
    lines = [line for line in lines if not line.startswith("SuccessExitStatus=")]
    pairs = [pair for line in lines for pair in [(line, []), ("echo $?", [])]]
    written = documents.run(pairs, folder)
    assert written[1::2] == [["0"]] * len(lines), written
