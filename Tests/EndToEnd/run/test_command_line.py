"""The shape of the command line: options, operands, help, and what is said of mistakes."""

import os
import pathlib
import re
import stat
import subprocess

import pytest

from conftest import SWLOCK, needs_tool
from observing import has_failed, held, locks_on, nothing_left, waits_on, wait_until  # noqa: F401

SHOW = ["sh", "-c", 'for word; do printf "%s\\0" "$word"; done', "sh"]


def shown(result):
    """The arguments that the command of SHOW was given."""
    assert result.returncode == 0, result
    return result.stdout.split(b"\0")[:-1]


# Options


@pytest.mark.parametrize(
    "words",
    [
        ["-n", "-E", "9", "lock", "true"],
        ["lock", "-n", "-E", "9", "true"],
        ["-n", "lock", "-E", "9", "true"],
        ["lock", "-n", "-E", "9", "--", "true"],
        ["-n", "-E", "9", "--", "lock", "true"],
        ["-n", "-E9", "lock", "true"],
        ["-nE9", "lock", "true"],
        ["-xnE9", "lock", "true"],
        ["-nxE", "9", "lock", "true"],
        ["--nonblock", "--conflict-exit-code=9", "lock", "true"],
        ["--nonblock", "--conflict-exit-code", "9", "lock", "true"],
        ["lock", "--conflict-exit-code", "9", "--nonblock", "true"],
        ["lock", "-nc", "true", "-E9"],
        ["-c", "true", "-nE9", "lock"],
        ["--command=true", "lock", "-nE9"],
        ["lock", "-w0", "-E9", "true"],
        ["lock", "-w", "0", "-E9", "true"],
        ["lock", "--timeout=0", "-E9", "true"],
        ["-smflock", "-nE9", "lock", "true"],
        ["--exclusive", "--mode=flock", "-nE9", "lock", "true"],
        ["--shared", "--mode", "flock", "-nE9", "lock", "true"],
    ],
    ids=" ".join,
)
def test_options_work_before_and_after_path_in_every_form(swlock, folder, words):
    with held(folder / "lock"):
        result = swlock.run("run", *words)
    assert has_failed(result, 9)


@pytest.mark.parametrize(
    "words, hint",
    [
        (["--nonbl"], b"--nonblock"),
        (["--time=3"], b"--timeout"),
        (["--exclusiv"], b"--exclusive"),
        (["--nonblok"], b"--nonblock"),
        (["--shraed"], b"--shared"),
        (["--max-run-time", "3"], b"--max-runtime"),
        (["--unlik"], b"--unlink"),
        (["--leftover=kill"], b"--leftovers"),
        (["--qwertyuiop"], b"--qwertyuiop"),
        (["-Z"], b"-Z"),
        (["-nZ"], b"-Z"),
        (["-mflok"], b"flock"),
        (["-m", "posxi"], b"posix"),
        (["--mode=Nonsense"], b"Nonsense"),
        (["--leftovers=nonsense"], b"nonsense"),
        (["--sidecar=nonsense"], b"nonsense"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistaken_option_is_refused_and_the_nearest_one_named(swlock, folder, words, hint):
    for arguments in ([*words, "lock", "touch", "ran"], ["lock", *words, "touch", "ran"]):
        assert has_failed(swlock.run("run", *arguments), 64, hint)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words",
    [
        ["-w"],
        ["lock", "-w"],
        ["lock", "--timeout"],
        ["lock", "-c"],
        ["lock", "-nE"],
        ["--nonblock=yes", "lock", "true"],
        ["--nonblock=", "lock", "true"],
        ["-E=9", "lock", "true"],
        ["--mode=", "lock", "true"],
        ["-m", "", "lock", "true"],
        ["", "true"],
        ["--", "", "true"],
    ],
    ids=" ".join,
)
def test_values_where_none_belongs_or_missing_are_usage_errors(swlock, folder, words):
    assert has_failed(swlock.run("run", *words), 64)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words",
    [
        ["--unlink"],
        ["--close"],
        ["-o"],
        ["--leftovers=keep"],
        ["--leftovers=kill"],
        ["--leftovers", "wait"],
        ["--max-runtime=5"],
        ["--kill-after=5"],
    ],
    ids=" ".join,
)
def test_no_fork_refuses_what_needs_swlock_to_stay(swlock, folder, words):
    assert has_failed(swlock.run("run", "-F", *words, "lock", "touch", "ran"), 64)
    assert has_failed(swlock.run("run", *words, "lock", "-F", "touch", "ran"), 64)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words",
    [
        ["-m", "posix", "--leftovers=keep"],
        ["--leftovers=keep", "-mposix"],
        ["--range", "0:5"],
        ["--range=0:5", "-m", "flock"],
    ],
    ids=" ".join,
)
def test_a_mode_refuses_the_options_that_it_cannot_serve(swlock, folder, words):
    assert has_failed(swlock.run("run", *words, "lock", "touch", "ran"), 64)
    assert os.listdir(folder) == []


# Operands


@pytest.mark.parametrize(
    "words, expected",
    [
        (["lock", *SHOW, "-n", "--help", "--", "-c", "--zzz"], "-n --help -- -c --zzz"),
        (["lock", "--", *SHOW, "-n"], "-n"),
        (["lock", "--", *SHOW, "--", "x", "--"], "-- x --"),
        (["lock", "-n", "--", *SHOW, "-E", "9"], "-E 9"),
        (["-n", "lock", *SHOW, "--max-runtime"], "--max-runtime"),
        (["--", "lock", *SHOW, "-n"], "-n"),
        (["--", "lock", "--", *SHOW, "-n"], "-n"),
        (["-n", "--", "lock", *SHOW, "--", "-n"], "-- -n"),
        (["lock", "-n", *SHOW, "run", "version"], "run version"),
    ],
)
def test_everything_from_the_commands_first_word_on_is_left_alone(swlock, words, expected):
    assert shown(swlock.run("run", *words)) == expected.encode().split()


def test_after_two_dashes_a_path_may_look_like_an_option(swlock, folder):
    assert swlock.run("run", "--", "-n", "true").returncode == 0
    assert os.listdir(folder) == ["-n"]


def test_a_single_dash_is_a_name(swlock, folder):
    assert swlock.run("run", "-", "true").returncode == 0
    assert os.listdir(folder) == ["-"]


def test_after_two_dashes_a_command_may_look_like_an_option(swlock, folder):
    (folder / "-n").write_text("#!/bin/sh\necho ran $1\n")
    (folder / "-n").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    result = swlock.run("run", "lock", "--", "-n", "-x", env={**os.environ, "PATH": path})
    assert (result.returncode, result.stdout) == (0, b"ran -x\n")


@pytest.mark.parametrize(
    "words, hint",
    [
        ([], b""),
        (["run"], b"PATH"),
        (["run", "-n"], b"PATH"),
        (["run", "--"], b"PATH"),
        (["run", "lock"], b"COMMAND"),
        (["run", "lock", "-n"], b"COMMAND"),
        (["run", "lock", "--"], b"COMMAND"),
        (["run", "-c", "touch ran"], b"PATH"),
        (["run", "lock", "-c", "touch ran", "extra"], b"-c"),
        (["run", "lock", "-c", "touch ran", "--", "extra"], b"-c"),
        (["help", "nonsense"], b"nonsense"),
        (["help", "run", "extra"], b"help"),
        (["version", "extra"], b"extra"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_too_few_or_too_many_operands_are_named(swlock, folder, words, hint):
    assert has_failed(swlock.run(*words), 64, hint)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words, hint",
    [
        (["/tmp/x", "cmd"], b"swlock run"),
        (["./lock", "touch", "ran"], b"swlock run"),
        (["lock", "touch", "ran"], b"--help"),
        (["-n", "lock", "touch", "ran"], b"--help"),
        (["-n", "run", "lock", "touch", "ran"], b"--help"),
        (["rnu", "lock", "touch", "ran"], b"run"),
        (["versoin"], b"version"),
        (["hlep"], b"help"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_words_in_the_wrong_order_or_misspelt_get_a_hint(swlock, folder, words, hint):
    assert has_failed(swlock.run(*words), 64, hint)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "word", ["acquire", "release", "refresh", "transfer", "wait", "status", "break", "cleanup"]
)
def test_every_command_is_listed_has_help_and_needs_a_path(swlock, folder, word):
    assert re.search(rf"^  {word} ", swlock.run("help").stdout.decode(), re.MULTILINE)
    text = swlock.run("help", word).stdout.decode()
    assert text == swlock.run(word, "--help").stdout.decode()
    assert f"swlock {word} [OPTION...]" in text
    # Without a path, status shows all locks.
    if word != "status":
        assert has_failed(swlock.run(word), 64, f"swlock {word} --help".encode())
    assert os.listdir(folder) == []


def test_removing_live_locks_needs_force_where_nobody_can_be_asked(swlock, folder):
    assert has_failed(swlock.run("cleanup", "--all", "."), 64, b"--force")


def test_nothing_is_transferred_to_a_process_that_does_not_exist(swlock, folder):
    process = swlock.start("version")
    process.wait()
    assert has_failed(swlock.run("transfer", "--to", str(process.pid), "lock"), 71)
    assert os.listdir(folder) == []


@pytest.mark.parametrize(
    "words, names",
    [
        ([b"run", b"--\xff\n\x1b[31m", b"lock", b"true"], rb"\xff\n\x1b[31m"),
        ([b"a\xff\nb\x1b[31m"], rb"\xff\nb\x1b[31m"),
        ([b"run", b"-m", b"\xff\n\x1b", b"lock", b"true"], rb"\xff\n\x1b"),
        ([b"run", b"-w", b"\xff\n\x1b", b"lock", b"true"], rb"\xff\n\x1b"),
        ([b"run", b"-\xff", b"lock", b"true"], rb"\xff"),
        ([b"help", b"\xff\n\x1b"], rb"\xff\n\x1b"),
        ([b"run", b"lock", b"-c", b"true", b"\xff\n\x1b"], b""),
    ],
    ids=repr,
)
def test_bytes_that_could_upset_a_terminal_are_escaped_in_messages(swlock, words, names):
    result = swlock.run(*words)
    assert has_failed(result, 64, names)
    assert result.stderr.strip(b"\n").isascii() and b"\x1b" not in result.stderr


# Values

DURATIONS = ["0", "10", "1.5", "0.001", "0.25s", "250ms", "90s", "5m", "2h", "1d"]
NO_DURATIONS = [
    *("", " ", "-1", "-0.5", "-1s", "abc", "nan", "inf", "1x", "1 s", " 1", "1 ", "1.2.3", "s"),
    *("ms", ".", "..5", "1,5", "1sm", "1s1", "--1", "1\n", "１"),
]


@pytest.mark.parametrize("duration", DURATIONS)
def test_every_form_of_a_duration_is_taken(swlock, duration):
    for words in (["-w", duration], [f"-w{duration}"], [f"--timeout={duration}"]):
        assert swlock.run("run", *words, "lock", "true").returncode == 0
        words = ["--max-runtime=60", f"--kill-after={duration}"]
        assert swlock.run("run", *words, "lock", "true").returncode == 0
    if duration not in ("0", "0.001", "0.25s", "250ms"):
        for words in (["--max-runtime", duration], [f"--max-runtime={duration}"]):
            assert swlock.run("run", *words, "lock", "true").returncode == 0


@pytest.mark.parametrize("option", ["--timeout", "--max-runtime", "--kill-after"])
def test_what_is_no_duration_is_a_usage_error(swlock, folder, option):
    for duration in NO_DURATIONS:
        assert has_failed(swlock.run("run", f"{option}={duration}", "lock", "true"), 64)
        assert has_failed(swlock.run("run", option, duration, "lock", "true"), 64)
    assert os.listdir(folder) == []


# The last one is no number of ours.
@pytest.mark.parametrize("duration", ["9" * 18, "9" * 20, "9" * 40, "9" * 20 + "d", "1e300"])
def test_an_endless_timeout_never_turns_into_a_short_one(swlock, folder, duration):
    with held(folder / "lock"):
        process = swlock.start("run", "-w", duration, "lock", "true")
        wait_until(lambda: process.poll() is not None or waits_on(folder / "lock"))
        if process.poll() is None:
            process.terminate()
        assert process.wait(10) == (64 if "e" in duration else 143)


@pytest.mark.parametrize("duration", ["9" * 18, "9" * 20, "9" * 20 + "d"])
@pytest.mark.parametrize("option", ["--max-runtime", "--kill-after"])
def test_an_endless_runtime_never_turns_into_a_short_one(swlock, option, duration):
    options = ["--max-runtime=60"] if option == "--kill-after" else []
    result = swlock.run(
        "run", *options, option, duration, "lock", "sh", "-c", "sleep 0.05; echo ran"
    )
    assert (result.returncode, result.stdout) == (0, b"ran\n")


@pytest.mark.parametrize("code", ["0", "1", "75", "126", "255"])
def test_conflict_exit_code_is_the_status_when_busy(swlock, folder, code):
    with held(folder / "lock"):
        result = swlock.run("run", "-n", "-E", code, "lock", "touch", "ran")
    assert has_failed(result, int(code))
    assert not (folder / "ran").exists()


def test_what_is_no_exit_code_is_a_usage_error(swlock, folder):
    for code in ["-1", "256", "", "abc", "1.5", "0x1", " 1", "1 ", "9" * 30, "4294967297"]:
        assert has_failed(
            (
                swlock.run("run", f"-E{code}", "lock", "true")
                if code
                else swlock.run("run", "-E", code, "lock", "true")
            ),
            64,
        )
        assert has_failed(swlock.run("run", f"--conflict-exit-code={code}", "lock", "true"), 64)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("bits", ["0600", "600", "640", "0666", "0444", "000"])
def test_perm_is_octal(swlock, folder, bits):
    assert swlock.run("run", "--perm", bits, "lock", "true").returncode == 0
    assert stat.S_IMODE(os.stat(folder / "lock").st_mode) == int(bits, 8)


def test_what_is_no_permission_is_a_usage_error(swlock, folder):
    for bits in ["", "8", "0888", "abc", "-1", "0600 ", "10000", "0x180", "9" * 30, "7" * 30]:
        assert has_failed(swlock.run("run", f"--perm={bits}", "lock", "true"), 64)
    assert os.listdir(folder) == []


@pytest.mark.parametrize("mode", ["posix", "ofd"])
@pytest.mark.parametrize(
    "text, first, last",
    [
        ("5:10", "5", "14"),
        ("5", "5", "EOF"),
        ("5:0", "5", "EOF"),
        ("0", "0", "EOF"),
        ("0:1", "0", "0"),
        (f"1:{2**63 - 1}", "1", "EOF"),
    ],
)
def test_range_locks_these_bytes_and_no_others(swlock, folder, mode, text, first, last):
    process = swlock.start("run", "-m", mode, "--range", text, "lock", "cat", stdin=subprocess.PIPE)
    # One look: /proc/locks may leave out a lock while others come and go.
    locks = wait_until(lambda: (folder / "lock").exists() and locks_on(folder / "lock"))
    assert [words[-2:] for words in locks] == [[first, last]]
    process.communicate()
    assert process.returncode == 0


def test_what_is_no_range_is_a_usage_error(swlock, folder):
    for text in [
        "",
        ":",
        ":5",
        "a",
        "1:a",
        "-1:2",
        "1:-1",
        "1:2:3",
        "1 :2",
        "9" * 30,
        f"{2**63 - 1}:2",
        f"2:{2**63 - 1}",
        f"{2**63}",
        f"{2**64}:1",
    ]:
        for mode in ("posix", "ofd"):
            result = swlock.run("run", "-m", mode, f"--range={text}", "lock", "true")
            assert has_failed(result, 64), text
    assert os.listdir(folder) == []


# Help and version


@pytest.mark.parametrize(
    "words",
    [
        ["-h"],
        ["--help"],
        ["help"],
        ["help", "run"],
        ["run", "--help"],
        ["run", "-h"],
        ["run", "lock", "--help"],
        ["run", "-n", "lock", "-h"],
        ["--version"],
        ["version"],
        ["help", "help"],
        ["help", "--help"],
        ["version", "--help"],
        ["help", "version"],
    ],
    ids=" ".join,
)
def test_help_and_version_go_to_stdout_and_succeed(swlock, folder, words):
    result = swlock.run(*words)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"swlock" in result.stdout and result.stdout.endswith(b"\n")
    assert os.listdir(folder) == []


def test_help_of_run_names_every_option_that_works(swlock):
    text = swlock.run("help", "run").stdout.decode()
    assert text == swlock.run("run", "--help").stdout.decode()
    for option in """--mode --shared --exclusive --nonblock --timeout --conflict-exit-code --range
            --perm --group --no-create --unlink --sidecar --verbose --command --no-fork --close
            --leftovers --max-runtime --kill-after --quiet
            --lifetime --style --clock-slop --poll --settle --retry-errno
            -m -s -x -n -w -E -q -v -c -F -o""".split():
        assert re.search(rf"(?<![\w-]){option}(?![\w-])", text), option
    for option in ("--owner", "--take", "--force", "--json"):
        assert option not in text


def test_version_is_one_line_with_a_number(swlock):
    for words in (["version"], ["--version"]):
        assert re.fullmatch(rb"swlock \d+\.\d+\S*\n", swlock.run(*words).stdout)


def test_a_full_stderr_leaves_the_status_alone(swlock, folder):
    with open("/dev/full", "wb") as full, held(folder / "lock"):
        options = {"stderr": full, "cwd": folder, "timeout": 10}
        assert subprocess.run([SWLOCK, "run"], **options).returncode == 64
        assert subprocess.run([SWLOCK, "run", "-n", "lock", "true"], **options).returncode == 75


def test_a_closed_pipe_on_stderr_leaves_the_status_alone(swlock, folder):
    reader, writer = os.pipe()
    os.close(reader)
    with held(folder / "lock"):
        words = [SWLOCK, "run", "-n", "lock", "true"]
        result = subprocess.run(words, stderr=writer, cwd=folder, timeout=10)
    os.close(writer)
    assert result.returncode == 75


# Arguments are bytes


@pytest.mark.parametrize("count, size", [(10, 100_000), (60_000, 10)], ids=["long", "many"])
def test_huge_argument_lists_pass_through_unchanged(swlock, folder, count, size):
    words = [b"%0*d" % (size, number) for number in range(count)]
    result = swlock.run("run", "lock", *SHOW, *words)
    assert shown(result) == words


@pytest.mark.parametrize("extra", [[], ["-F"], ["--close"]], ids=" ".join)
def test_arguments_pass_through_byte_for_byte(swlock, extra):
    words = [b"\xff\xfe", b"a\nb", b"", b" ", b"\x1b[31m", "ü".encode(), b"$HOME", b"*", b"\\x"]
    assert shown(swlock.run("run", *extra, "lock", *SHOW, *words)) == words


def test_the_shell_command_passes_through_byte_for_byte(swlock):
    assert swlock.run("run", "lock", "-c", b"printf %s 'a\xff\nb'").stdout == b"a\xff\nb"


def test_the_environment_passes_through_byte_for_byte(swlock):
    given = {**os.environb, b"ODD": b"a\xff\nb=c", b"EMPTY": b"", b"\xfe": b"x"}
    for name in (b"SWLOCK_PATH", b"SWLOCK_MODE", b"SWLOCK_HELD", b"SWLOCK_SINCE"):
        given.pop(name, None)
    result = swlock.run("run", "lock", "cat", "/proc/self/environ", env=given)
    seen = dict(entry.split(b"=", 1) for entry in result.stdout.split(b"\0")[:-1])
    for name in (b"SWLOCK_PATH", b"SWLOCK_MODE", b"SWLOCK_HELD", b"SWLOCK_SINCE"):
        del seen[name]
    assert seen == given


@needs_tool("bash")
def test_a_call_without_any_word_not_even_its_name_is_a_usage_error(swlock):
    words = ["bash", "-c", "exec -a '' \"$0\"", SWLOCK]
    result = subprocess.run(words, capture_output=True, timeout=10)
    assert has_failed(result, 64)


def test_the_binary_is_found_under_any_name(swlock, folder):
    link = pathlib.Path(folder, "other-name")
    link.symlink_to(SWLOCK)
    result = subprocess.run([link, "run", "lock", "echo", "ran"], capture_output=True, cwd=folder)
    assert (result.returncode, result.stdout) == (0, b"ran\n")
