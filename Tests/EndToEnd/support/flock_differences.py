"""Where flock(1) and ours are known to differ: older versions of util-linux, and on purpose.

Ours is flock as of util-linux 2.43; flock_releases.py has single command lines, word by word. The test applies every row that is in force to the outcome of
the reference, and fails where a row changes nothing at all: then it has to be deleted.
"""

import dataclasses
import re
from collections.abc import Callable

NEVER = None
TRY_HELP = b"Try 'flock --help' for more information.\n"


@dataclasses.dataclass(frozen=True)
class Difference:
    """`agrees` is the version from which the reference does as we do.

    `expected` makes the outcome that ours has to have out of that of the reference; the outcome
    of ours is given for what is only to be recognized, as the text of --help.
    """

    reason: str
    agrees: tuple | None
    expected: Callable
    applies: Callable = lambda case: True


def said(pattern, replacement):
    """The message has another form, line by line."""

    def expected(_case, reference, _ours):
        stderr = re.sub(pattern, replacement, reference.stderr, flags=re.MULTILINE)
        return dataclasses.replace(reference, stderr=stderr)

    return expected


def has(*prefixes):
    return lambda case: any(word.startswith(prefixes) for word in case.options)


def exit_code_is_named(case, reference, _ours):
    found = re.fullmatch(
        rb"flock: (invalid exit code|exit code out of range)[\s\S]*", reference.stderr
    )
    if not found:
        return reference
    value = wrong_exit_code(case)
    message = b"flock: invalid exit code (allowed values: 0-255): '%s'" % value
    if re.fullmatch(rb"\s*[-+]?\d+", value):
        message += b": Numerical result out of range"
    return dataclasses.replace(reference, stderr=message + b"\n")


def wrong_exit_code(case):
    for number, word in enumerate(case.words):
        form = re.fullmatch(rb"-[a-zF]*E(.+)?|--co[-a-z]*(?:=(.*))?", word, flags=re.DOTALL)
        if form:
            value = next((text for text in form.groups() if text is not None), None)
            value = case.words[number + 1] if value is None else value
            if not re.fullmatch(rb"\s*\+?\d+|-0", value) or int(value) > 255:
                return value
    raise AssertionError(f"no wrong exit code in {case}")


def is_ambiguous(case):
    return case.words[:1] in ((b"--s",), (b"--f",)) or has(b"--s=", b"--f=")(case)


def refused(word, reference):
    message = b"flock: unrecognized option '%s'\n" % word
    return dataclasses.replace(
        reference, status=64, stdout=b"", stderr=message + TRY_HELP, left=reference.before
    )


def ambiguity(case, reference, _ours):
    return refused(case.words[0], reference)


def cluster_is_named(case, reference, _ours):
    """The message has the word, not the letter in it."""
    found = re.fullmatch(
        rb"(?:flock: invalid option -- '([\s\S])'\n)?" + TRY_HELP, reference.stderr
    )
    if not found:
        return reference
    letter = found[1] or b"?"
    word = next(word for word in case.words if re.match(rb"-[^-]", word) and letter in word)
    return refused(word, reference)


def cluster_lacks_a_value(case, reference, _ours):
    found = re.match(rb"flock: option requires an argument -- '\w'\n", reference.stderr)
    if not found:
        return reference
    message = b"flock: option '%s' requires an argument\n" % case.words[-1]
    return dataclasses.replace(reference, stderr=message + TRY_HELP)


def value_is_not_wanted(case, reference, _ours):
    found = re.match(rb"flock: option '(--\w[-\w]*)' doesn't allow an argument\n", reference.stderr)
    if not found:
        return reference
    given = (word for word in case.words if b"=" in word)
    word = next(word for word in given if found[1].startswith(word.partition(b"=")[0]))
    return refused(word, reference)


def asks_for_a_shell(case):
    return any(word in (b"-c", b"--command") for word in case.options)


def shell_is_an_option(case, reference, _ours):
    """Behind the options there has to be one word; and `--fd`, which no case here has."""
    found = re.fullmatch(
        rb"flock: (?:invalid option -- 'c'|unrecognized option '--command')\n" + TRY_HELP,
        reference.stderr,
    )
    if not found:
        return reference
    option = next(word for word in case.words if word in (b"-c", b"--command"))
    message = b"flock: %s requires exactly one command argument\n" % option
    return dataclasses.replace(reference, stderr=message)


def without_a_descriptor(_case, reference, _ours):
    if not re.fullmatch(rb"flock: -\d+: Bad file descriptor\n", reference.stderr):
        return reference
    message = b"flock: missing file descriptor, file or directory\n"
    return dataclasses.replace(reference, status=64, stderr=message)


def is_verbose(case):
    return has(b"--verb")(case) and not case.has_start("stdout")


OWN_LINES = rb"flock: getting lock took N seconds\n(?:flock: executing .*\n)?"


def lines_come_first(case, reference, _ours):
    """The reference keeps its lines until its end: they follow the output of the command."""
    end = re.search(OWN_LINES + rb"\Z", reference.stdout, flags=re.DOTALL)
    if not end:
        return reference
    stdout = end[0] + reference.stdout[: end.start()]
    return dataclasses.replace(reference, stdout=stdout)


def lines_are_kept(case, reference, _ours):
    """The reference loses its lines when it becomes the command."""
    has_lock = re.match(rb"(?!flock: (?!failed to execute)|Try )", reference.stderr)
    if not has_lock or re.match(rb"flock from|\nUsage", reference.stdout):
        return reference
    lines = b"flock: getting lock took N seconds\nflock: executing %s\n" % case.program
    return dataclasses.replace(reference, stdout=lines + reference.stdout)


def never_forks(case):
    return any(re.match(rb"--no-f|-[a-z]*F", word) for word in case.options)


def version_of_ours(_case, reference, ours):
    same = re.fullmatch(rb"flock from util-linux [-\w.]+\n", reference.stdout) and re.fullmatch(
        rb"flock from util-linux 2\.43 \(swlock \d+\.\d+\.\d+\)\n", ours.stdout
    )
    return dataclasses.replace(reference, stdout=ours.stdout) if same else reference


def help_of_ours(_case, reference, ours):
    if not reference.stdout.startswith(b"\nUsage:\n flock ") or b"flock" not in ours.stdout:
        return reference
    return dataclasses.replace(reference, stdout=ours.stdout)


DIFFERENCES = [
    Difference(
        "getopt's messages begin with the whole argv[0]",
        (2, 43),
        said(rb"^.*(?=flock: (option|invalid option|unrecognized))", b""),
        lambda case: case.name != b"flock",
    ),
    Difference(
        "-c and --command are options",
        (2, 43),
        shell_is_an_option,
        asks_for_a_shell,
    ),
    Difference(
        "getopt's words for an unknown short option",
        (2, 43),
        cluster_is_named,
        lambda case: not asks_for_a_shell(case),
    ),
    Difference(
        "getopt's words for a missing value of a short option",
        (2, 43),
        cluster_lacks_a_value,
    ),
    Difference(
        "getopt's words for an option that could be several",
        (2, 43),
        said(
            rb"^flock: option '([\s\S]*)' is ambiguous; possibilities: .*$",
            rb"flock: unrecognized option '\1'",
        ),
    ),
    Difference(
        "getopt's words for a value that is not wanted",
        (2, 43),
        value_is_not_wanted,
    ),
    Difference(
        "--start and --fd make shorter forms of --shared and --fcntl ambiguous",
        (2, 43),
        ambiguity,
        is_ambiguous,
    ),
    Difference(
        "a descriptor below zero is none",
        (2, 43),
        without_a_descriptor,
    ),
    Difference(
        "the words for a bad value of -w",
        (2, 42),
        said(rb"^flock: invalid timeout value: ", b"flock: invalid timeout: "),
        has(b"-", b"--wait", b"--timeout"),
    ),
    Difference(
        "the words for a bad value of -E",
        (2, 43),
        exit_code_is_named,
        has(b"-"),
    ),
    Difference(
        "the words for a bad descriptor number",
        (2, 43),
        said(rb"\Aflock: bad file descriptor: '", b"flock: invalid file descriptor: '"),
    ),
    Difference(
        "the words for a missing operand",
        (2, 43),
        said(rb"^flock: requires (?=file descriptor, )", b"flock: missing "),
    ),
    Difference("-V names swlock as well", NEVER, version_of_ours, has(b"-")),
    Difference("--help has words of its own", NEVER, help_of_ours, has(b"-")),
    Difference(
        "the lines of --verbose come before the command's output",
        NEVER,
        lines_come_first,
        lambda case: is_verbose(case) and not (case.command and never_forks(case)),
    ),
    Difference(
        "the lines of --verbose are not lost with -F",
        NEVER,
        lines_are_kept,
        lambda case: is_verbose(case) and case.command and never_forks(case),
    ),
]


def in_force(version):
    return [row for row in DIFFERENCES if row.agrees is NEVER or version < row.agrees]
