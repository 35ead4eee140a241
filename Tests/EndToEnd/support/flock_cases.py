"""The matrix of the differential test of flock: options x states x paths x commands x starts.

Small axes are multiplied out; elsewhere a sample is drawn, the same in every run.
"""

import dataclasses
import itertools
import os
import random
import shlex
import signal

# The version of util-linux from which flock knows the option.
NEWER = {"fcntl": (2, 41), "start": (2, 42), "length": (2, 42), "fd": (2, 43)}
OLDER = [
    "shared",
    "exclusive",
    "unlock",
    "nonblocking",
    "nb",
    "timeout",
    "wait",
    "conflict-exit-code",
    "close",
    "no-fork",
    "verbose",
    "help",
    "version",
]
# A time that only -w's wider numbers of today can hold; older versions overflow.
WIDE = b"9223372036854775807"
# Other options begin with these since --start and --fd: they are compared with every version.
AMBIGUOUS = [b"--s", b"--f"]


# The axes


@dataclasses.dataclass(frozen=True)
class Options:
    """Words before the path. `kind` is the lock they ask for, `waits` for how long."""

    words: tuple = ()
    kind: str = "exclusive"
    waits: str = "for ever"


@dataclasses.dataclass(frozen=True)
class Path:
    """The path, and the steps that make what is there. `locked` is what a holder would lock."""

    word: bytes
    steps: tuple = ()
    locked: bytes | None = None
    user: str = "any"


@dataclasses.dataclass(frozen=True)
class Command:
    words: tuple
    steps: tuple = ()


@dataclasses.dataclass(frozen=True)
class Start:
    """How the tool is started: `before` and `after` are the same in the words of a shell."""

    before: str = ""
    after: str = ""
    do: object = None
    environment: tuple = ()


@dataclasses.dataclass(frozen=True)
class Case:
    """One command line in one situation. `words` follow the name."""

    words: tuple
    steps: tuple = ()
    state: str = "free"
    locked: bytes | None = None
    starts: tuple = ()
    name: bytes = b"flock"
    form: str = "link"
    user: str = "any"
    nine: str | None = None
    command: tuple = ()

    @property
    def since(self):
        """The version from which the reference knows all options of the case."""
        return max(map(since, self.options), default=(0,))

    @property
    def options(self):
        """The words that are not path or command, if there is a command."""
        return self.words[: -len(self.command) - 1] if self.command else self.words

    def has_start(self, part):
        return any(part in start for start in self.starts)

    @property
    def environment(self):
        found = {}
        for start in self.starts:
            found.update(STARTS[start].environment)
        return found

    @property
    def program(self):
        """What is executed: the command, or the shell of -c."""
        if self.command[:1] in ((b"-c",), (b"--command",)):
            return self.environment.get(b"SHELL", SHELL) or b"/bin/sh"
        return self.command[0]

    def __str__(self):
        """The case in the words of a shell."""
        starts = [STARTS[start] for start in self.starts]
        parts = [in_shell(step) + ";" for step in self.steps]
        parts += [start.before for start in starts if start.before]
        if self.user == "nobody":
            parts.append("setpriv --reuid=65534 --regid=65534 --clear-groups")
        named = shlex.quote(f'exec -a {quoted(self.name)} flock "$@"')
        parts.append("flock" if self.name == b"flock" else f"bash -c {named} -")
        parts += [quoted(word) for word in self.words]
        parts += [start.after for start in starts if start.after]
        if self.nine:
            parts.append(f"9{self.nine}lock")
        if self.state != "free":
            parts.append(f"  # {quoted(self.locked)} is locked: {self.state}")
        if self.form != "link":
            parts.append(f"  # swlock called as: {self.form}")
        return " ".join(parts)


def since(word):
    name = word[2:].partition(b"=")[0].decode("latin-1")
    versions = [(2, 41)] if word.endswith(WIDE) else [(0,)]
    if word.startswith(b"--") and name and name not in OLDER and word not in AMBIGUOUS:
        versions += [version for key, version in NEWER.items() if key.startswith(name)]
    return max(versions)


def quoted(word):
    text = word.decode("latin-1")
    if text.isprintable() and text.isascii():
        return shlex.quote(text)
    plain = (b"%c" % code for code in word)
    return "$'" + "".join(ascii(byte)[2:-1] if byte != b"'" else "\\'" for byte in plain) + "'"


def in_shell(step):
    kind, name, *rest = step
    name = quoted(name)
    if kind == "file":
        mode, content = rest
        return f"printf {quoted(content)} >{name}; chmod {mode:o} {name}"
    if kind == "folder":
        return f"mkdir -p {name}; chmod {rest[0]:o} {name}"
    if kind == "link":
        return f"ln -s {quoted(rest[0])} {name}"
    return f"mkfifo {name}; exec 8<>{name}"


# Options

KINDS = [
    Options(),
    Options((b"-x",)),
    Options((b"-e",)),
    Options((b"--exclusive",)),
    Options((b"-s",), "shared"),
    Options((b"--shared",), "shared"),
    Options((b"-u",), "unlock"),
    Options((b"--unlock",), "unlock"),
    Options((b"-s", b"-x")),
    Options((b"-x", b"-s"), "shared"),
    Options((b"-s", b"-u"), "unlock"),
    Options((b"-ue",)),
    Options((b"--unlock", b"--shared"), "shared"),
]
WAITS = [
    Options(),
    Options((b"-n",), waits="not"),
    Options((b"--nb",), waits="not"),
    Options((b"--nonblocking",), waits="not"),
    Options((b"-w", b"0"), waits="not"),
    Options((b"-w.01",), waits="briefly"),
    Options((b"--wait=.01",), waits="briefly"),
    Options((b"--timeout", b"1e-2"), waits="briefly"),
    Options((b"-n", b"-w", b"9"), waits="not"),
    Options((b"-w9", b"-n"), waits="not"),
    Options((b"-w", b"9", b"-w", b"0"), waits="not"),
    Options((b"-w0", b"-w", b".01"), waits="briefly"),
]
CODES = [(), (b"-E9",), (b"-E", b"0"), (b"-E9", b"-E", b"8"), (b"--conflict-exit-code=255",)]
SHOWN = [
    (),
    (b"-o",),
    (b"-F",),
    (b"--verbose",),
    (b"--close", b"--verbose"),
    (b"--no-fork", b"--verbose"),
]


def any_options(dice, kinds=KINDS, waits=WAITS):
    """Options of every sort, in any order."""
    kind, wait = dice.choice(kinds), dice.choice(waits)
    return mixed(dice, kind, wait)


def mixed(dice, kind, wait):
    groups = [kind.words, wait.words, dice.choice(CODES), dice.choice(SHOWN)]
    dice.shuffle(groups)
    return Options(tuple(itertools.chain(*groups)), kind.kind, wait.waits)


# States

STATES = {"free": (), "exclusive": ("shared", "exclusive"), "shared": ("exclusive",)}


def ends(options, state, starts=()):
    """Whether the tool comes to its end though somebody holds the lock."""
    if options.kind not in STATES[state]:
        return True
    # The timer's signal cannot arrive if it is blocked: flock(1) goes on waiting.
    return options.waits == "not" or (options.waits == "briefly" and "block ALRM" not in starts)


# Paths

LOCK = Path(b"lock", (("file", b"lock", 0o644, b""),), b"lock")


def file(name, mode=0o644, content=b"", **more):
    return Path(name, (("file", name, mode, content),), name, **more)


SUB = ("folder", b"sub", 0o755)
PATHS = [
    LOCK,
    Path(b"lock"),
    file(b"lock", 0o600, b"text\n"),
    file(b"./lock"),
    file(b"lock", 0, b"text"),
    file(b"lock", 0o444),
    file(b"lock", 0o200),
    Path(b"lock", (("file", b"lock", 0, b"text"),), user="nobody"),
    Path(b"lock", (("file", b"lock", 0o444, b""),), user="nobody"),
    Path(b"lock", (("file", b"lock", 0o222, b""),), user="nobody"),
    Path(b"lock", (("file", b"lock", 0o666, b""),), b"lock", user="nobody"),
    Path(b"lock", (("folder", b".", 0o777),), user="nobody"),
    Path(b"lock", (("folder", b".", 0o555),), user="nobody"),
    Path(b"sub", (("folder", b"sub", 0o333),), user="nobody"),
    Path(b"sub/lock", (("folder", b"sub", 0o666),), user="nobody"),
    Path(b"lock", (("folder", b".", 0o555),)),
    Path(b"sub", (SUB,), b"sub"),
    Path(b"sub/", (SUB,), b"sub"),
    Path(b"sub/.", (SUB,), b"sub"),
    Path(b"sub", (("folder", b"sub", 0o555),), b"sub"),
    Path(b".", (), b"."),
    Path(b"/"),
    Path(b"link", (*LOCK.steps, ("link", b"link", b"lock")), b"lock"),
    Path(b"link", (SUB, ("link", b"link", b"sub")), b"sub"),
    Path(b"link/lock", (SUB, ("link", b"link", b"sub"))),
    Path(b"dangling", (("link", b"dangling", b"target"),)),
    Path(b"dangling", (("link", b"dangling", b"missing/target"),)),
    Path(b"loop", (("link", b"loop", b"loop"),)),
    Path(b"missing/lock"),
    Path(b"lock/"),
    Path(b"lock/", LOCK.steps),
    Path(b"lock/lock", LOCK.steps),
    Path(b""),
    Path(b"x" * 255),
    Path(b"x" * 256),
    Path(b"./" * 2050 + b"lock"),
    file(b"a lock"),
    file(b"a\nlock"),
    Path(b"new\nline"),
    file(b"back\\slash"),
    file(b"\xff\xfe\x80"),
    Path(b"\xc3\x28"),
    Path(b"missing/\xff\n\x1b[1m"),
    file("Schloß".encode()),
    file(b"100%s%n"),
    file(b"*"),
    file(b"'"),
    file(b"4"),
    Path(b"9"),
    Path(b"0x4"),
    Path(b"-lock"),
    file(b"-n"),
    file(b"--"),
    file(b"-c"),
    file(b"--fcntl"),
    Path(b"pipe", (("pipe", b"pipe"),)),
    Path(b"/dev/null"),
    Path(b"/dev/full"),
    Path(b"/proc/uptime"),
    Path(b"/proc/no-such-file"),
    Path(b"/sys/no-such-file"),
]
PLAIN_PATHS = [path for path in PATHS if path.locked and not path.word.startswith(b"-")]

# Commands

PLAIN = ("file", b"plain", 0o644, b"echo plain\n")
SCRIPT = ("file", b"script", 0o755, b'echo "script $#" "$@"\nexit 4\n')
TRUE = Command((b"true",))
REPORT = Command((b"probe", b"a", b"", b"-n", b"--", b"\xff \n"))
SIGNALS = Command((b"grep", b"-E", b"^Sig(Ign|Blk):", b"/proc/self/status"))
OUTPUT = Command((b"sh", b"-c", b"echo out; echo err >&2"))
COMMANDS = [
    TRUE,
    REPORT,
    SIGNALS,
    OUTPUT,
    Command((b"printf", b"no newline")),
    Command((b"printf", b"%s|", b"-n", b"--", b"", b"-c", b"a b", b"\xff", b"--verbose")),
    *(Command((b"sh", b"-c", b"exit %d" % code)) for code in (1, 2, 64, 126, 127, 128, 255)),
    *(Command((b"sh", b"-c", b"kill -%s $$" % name)) for name in (b"KILL", b"TERM", b"USR1")),
    Command((b"no-such-command",)),
    Command((b"./no-such-command", b"a")),
    Command((b"missing/command",)),
    Command((b"new\nline \xff",)),
    Command((b"x" * 300,)),
    Command((b"./plain",), (PLAIN,)),
    Command((b"plain/command",), (PLAIN,)),
    Command((b"./sub",), (SUB,)),
    Command((b".",)),
    Command((b"/",)),
    Command((b"./script", b"a b", b""), (SCRIPT,)),
    Command((b"./empty",), (("file", b"empty", 0o755, b""),)),
    Command((b"./script",), (("file", b"script", 0o755, b"#!/no/such/interpreter\n"),)),
    Command((b"./loop",), (("link", b"loop", b"loop"),)),
    Command((b"",)),
    Command((b"", b"true")),
    Command((b"--",)),
    Command((b"--", b"true")),
    Command((b"-n", b"true")),
    Command((b"--verbose",)),
    Command((b"--help",)),
    Command((b"-V",)),
]
SHELLS = [
    Command((b"-c", b"true")),
    Command((b"-c", b"")),
    Command((b"-c", b"exit 5")),
    Command((b"-c", b"exec probe")),
    Command((b"-c", b'echo "$0" $#; kill -TERM $$')),
    Command((b"--command", b"echo two words; exit 6")),
    Command((b"-c", b"no-such-command")),
    Command((b"-c", b"-c")),
    Command((b"-c", b"--")),
    Command((b"-c",)),
    Command((b"--command",)),
    Command((b"-c", b"true", b"more")),
    Command((b"--command", b"true", b"more", b"words")),
    Command((b"-c", b"--", b"true")),
    Command((b"-ctrue",)),
    Command((b"--command=true",)),
    Command((b"--comm", b"true")),
    Command((b"-cx", b"true")),
    Command((b"--", b"-c", b"true")),
]

# Starts

SHELL = b"/bin/sh"


def close(*numbers):
    return lambda: [os.close(number) for number in numbers]


def to_full(number):
    return lambda: os.dup2(os.open("/dev/full", os.O_WRONLY), number)


def to_reader(number):
    """Where nothing can be written."""
    return lambda: os.dup2(os.open("/dev/null", os.O_RDONLY), number)


def to_closed_pipe(number):
    def do():
        reader, writer = os.pipe()
        os.dup2(writer, number)
        os.close(reader)

    return do


def masked(mask):
    return Start(before=f"umask {mask:03o};", do=lambda: os.umask(mask))


def ignored(*names):
    def do():
        for name in names:
            signal.signal(getattr(signal, f"SIG{name}"), signal.SIG_IGN)

    return Start(before=f"trap '' {' '.join(names)};", do=do)


def blocked(*names):
    numbers = [getattr(signal, f"SIG{name}") for name in names]
    return Start(
        before=f"env --block-signal={','.join(names)}",
        do=lambda: signal.pthread_sigmask(signal.SIG_BLOCK, numbers),
    )


def variable(name, value):
    before = f"env -u {name.decode()}" if value is None else f"env {quoted(name + b'=' + value)}"
    return Start(before=before, environment=((name, value),))


STARTS = {
    "no stdin": Start(after="<&-", do=close(0)),
    "no stdout": Start(after=">&-", do=close(1)),
    "no stderr": Start(after="2>&-", do=close(2)),
    "no stdin, stdout": Start(after="<&- >&-", do=close(0, 1)),
    "no stdout, stderr": Start(after=">&- 2>&-", do=close(1, 2)),
    "no stdin, stdout, stderr": Start(after="<&- >&- 2>&-", do=close(0, 1, 2)),
    "stdout full": Start(after=">/dev/full", do=to_full(1)),
    "stderr full": Start(after="2>/dev/full", do=to_full(2)),
    "stdout read-only": Start(after="1</dev/null", do=to_reader(1)),
    "stderr read-only": Start(after="2</dev/null", do=to_reader(2)),
    "stdout a closed pipe": Start(after="> >(exec true)", do=to_closed_pipe(1)),
    "stderr a closed pipe": Start(after="2> >(exec true)", do=to_closed_pipe(2)),
    **{f"umask {mask:03o}": masked(mask) for mask in (0, 0o27, 0o77, 0o777)},
    **{f"ignore {name}": ignored(name) for name in ("INT", "CHLD", "PIPE", "ALRM", "TERM")},
    "ignore many": ignored("INT", "QUIT", "HUP", "CHLD", "PIPE", "ALRM", "TSTP", "USR1"),
    **{f"block {name}": blocked(name) for name in ("INT", "CHLD", "PIPE", "ALRM", "TERM")},
    "block many": blocked("INT", "QUIT", "HUP", "CHLD", "PIPE", "TSTP", "USR1", "TTOU"),
    "SHELL unset": variable(b"SHELL", None),
    "SHELL empty": variable(b"SHELL", b""),
    "SHELL without a slash": variable(b"SHELL", b"sh"),
    "SHELL bash": variable(b"SHELL", b"/bin/bash"),
    "SHELL false": variable(b"SHELL", b"/bin/false"),
    "SHELL missing": variable(b"SHELL", b"/no/such\n\xffshell"),
    "SHELL a folder": variable(b"SHELL", b"/"),
    "PATH unset": variable(b"PATH", None),
    "PATH empty": variable(b"PATH", b""),
    "PATH here": variable(b"PATH", b"."),
    "PATH nowhere": variable(b"PATH", b"/no/such/folder:/dev/null"),
    "POSIXLY_CORRECT": variable(b"POSIXLY_CORRECT", b"1"),
    "HOME unset": variable(b"HOME", None),
}


# The groups of cases

LOCK_TRUE = (b"lock", b"true")
FORMS = [*["link"] * 8, "copy", "as"]


def build(dice, options, path, command, state="free", starts=(), **more):
    """The case, or None where the state does not apply or the tool would wait for ever."""
    if state != "free" and not path.locked or not ends(options, state, starts):
        return None
    # All of them are locked by both tools, one after the other, and perhaps by other programs.
    if path.word.startswith(b"/") and options.waits != "for ever":
        return None
    # The interpreter of the probe does not start with a folder for its output.
    if b"probe" in b" ".join(command.words) and path.locked != b"lock":
        if any("no std" in start for start in starts):
            return None
    # Where messages are lost, nothing tells whether flock(1) would have got the lock.
    if b"--verbose" in options.words and any("stderr" in start for start in starts):
        wrong = command in SHELLS and len(command.words) != 2
        if wrong or state != "free" or path.word != b"lock":
            return None
    words = options.words
    if path.word.startswith(b"-") or dice.random() < 0.1:
        words += (b"--",)
    steps = list(dict.fromkeys(path.steps + command.steps))
    if len({step[1] for step in steps}) < len(steps):
        return None
    return Case(
        words=words + (path.word,) + command.words,
        # The mode of the folder comes last: nothing can be made in it then.
        steps=tuple(sorted(steps, key=lambda step: step[1] == b".")),
        state=state,
        locked=path.locked,
        starts=tuple(starts),
        form="copy" if path.user == "nobody" else dice.choice(FORMS),
        user=path.user,
        command=command.words,
        **more,
    )


def states(dice):
    for kind, wait, state in itertools.product(KINDS, WAITS, STATES):
        path = dice.choice([LOCK, LOCK, dice.choice(PLAIN_PATHS)])
        yield build(dice, mixed(dice, kind, wait), path, dice.choice([TRUE, OUTPUT]), state)


def clusters(dice):
    """Short options in one word, with repetitions; -w and -E end the word or take its rest."""
    for _ in range(130):
        letters = "".join(dice.choices("sexuno" if dice.random() < 0.8 else "sexnoFu", k=4))
        tail = dice.choice([(b"",), (b"E9",), (b"E", b"9"), (b"w.01",), (b"w", b"0"), (b"n",)])
        kinds = [letter for letter in letters if letter in "sexu"] or ["x"]
        kind = {"s": "shared", "u": "unlock"}.get(kinds[-1], "exclusive")
        waits = "briefly" if tail[0] == b"w.01" else "not"
        if "n" not in letters and tail[0] not in (b"w.01", b"w", b"n"):
            waits = "for ever"
        words = (b"-" + letters.encode() + tail[0], *tail[1:])
        options = Options(words, kind, "not" if "n" in letters else waits)
        yield build(dice, options, LOCK, dice.choice([TRUE, OUTPUT]), dice.choice(list(STATES)))


def abbreviations(_dice):
    """All prefixes of all long options, without a value, with one, and with a word after it."""
    prefixes = {name[:end] for name in [*OLDER, *NEWER] for end in range(1, len(name) + 1)}
    for prefix in sorted(prefixes):
        name = b"--" + prefix.encode()
        for words in ((name,), (name + b"=.01",), (name, b"1")):
            yield Case((*words, *LOCK_TRUE), LOCK.steps, locked=b"lock", command=(b"true",))
        yield Case((name,))


def errors(dice):
    wrong = [
        *b"-z -Z -1 -: -; -W -? -%s -= -cx -nz -zn -nzx -z- -sxz -c -n- -nc -N -f -v -zV".split(),
        *b"-zh -hz -Vz -hV -Vh -nV -h -V -Wfoo -t1 -w -E -nE -nxw - --- --= --=x --zzz".split(),
        *b"--zzz=1 --no --n --c --co --v --shared= --shared=1 --nb=x --ex=x --help=x".split(),
        *b"--version= --no= --nonblock --nonblockings --SHARED --nb- --wait- --command".split(),
        *b"--command=true --wait --timeout --time --conflict-exit-code --con".split(),
        *(b"-\xff", b"-\n", b"--\xff", b"--new\nline", b"--unlock=\xff", b"--z z"),
    ]
    for word in wrong:
        yield Case((word,), name=dice.choice([b"flock", b"/opt/some where/flock"]))
        yield Case((word, *LOCK_TRUE), name=b"/opt/bin/flock", command=(b"true",))
        mixture = [(word,), dice.choice(SHOWN), dice.choice(CODES)]
        dice.shuffle(mixture)
        yield Case((*itertools.chain(*mixture), *LOCK_TRUE), form="as", command=(b"true",))


def operands(dice):
    """Too few, too many, and what is said first when several things are wrong."""
    mistakes = [(), (b"-o", b"-F"), (b"-oF",), (b"--close", b"--no-fork"), (b"-E", b"x"), (b"-wx",)]
    mistakes += [(b"-E256", b"-wx"), (b"-wx", b"-E256"), (b"-z", b"-wx"), (b"-wx", b"-z")]
    mistakes += [(b"-w-1", b"-E9"), (b"-oFw-1",), (b"-oFz",), (b"-wx", b"-oF"), (b"-nw", b"-1")]
    mistakes += [(b"-oF", b"-V"), (b"-oF", b"-h"), (b"-E300", b"-h"), (b"--verbose", b"-V")]
    tails = [(), (b"--",), (b"lock",), (b"--", b"lock"), (b"lock", b"--"), (b"", b""), (b"",)]
    tails += [LOCK_TRUE, (b"lock", b"-c"), (b"lock", b"-c", b"a", b"b"), (b"missing/lock", b"true")]
    tails += [(b"missing/lock", b"-c"), (b"missing/lock", b"-c", b"true"), (b"lock", b"--command")]
    tails += [(b"lock", b"missing-command"), (b"9",), (b"9", b"-c", b"true"), (b"9", b"-n")]
    for mistake, tail in itertools.product(mistakes, tails):
        command = tail[1:] if tail[:1] != (b"--",) else ()
        yield Case((*mistake, *tail), form=dice.choice(["link", "as"]), command=command)


WAIT_VALUES = [
    *b"0 5 .1 1. 1e-1 1E1 0x1 0x.8p0 1e3 +1 -1 -0 -.5 inf INFINITY -inf nan NaN(1)".split(),
    *b"0.1s abc 0,1 1,000 1e400 -1e400 1e-5000 1e-400 . - + 0.000001 0.0000009".split(),
    *b"0.000000999999999999999999 1e18 1e19 1e20 1e e1 9223372036854775808".split(),
    *b"99999999999999999999 1.5.5 1_0 -n -- 0b1 0x 0xg infin 00010 -0.0000001".split(),
    *b"-0.0000011 4294967296 2147483648 -1e-400 1e5000x 0e99999999999999999999x 1e5x".split(),
    *b"1e+ 1e-x 1e-5000x 0x1p99999 0x1p99999x 9223372036854774784".split(),
    *(WIDE, b"1" * 100, b"", b" ", b" 1", b"\t.5", b"1 ", b"1\n", "\u0661".encode(), b"\xff"),
]
WAIT_NOT = [*b"0 -0 0e9 1e-7 -0.0000001 0x0 00 1e-400 0.0000009".split(), b" 0"]
CODE_VALUES = [
    *b"0 1 5 +5 07 08 -1 -0 255 256 300 0x10 1e1 abc 5.0 2147483647 2147483648".split(),
    *b"99999999999 9223372036854775808 -99999999999999999999 4294967301 --5 +-5".split(),
    *b"+256 +255 -256 256x 300.0 -1x 0255".split(),
    *b"' 5x - + -n 0000000000000000000000000007 5,0".split(),
    *(b"", b" ", b" 5", b"5 ", b"\t5", b"\n5", b"5\n", b"\xff"),
]
WAIT_FORMS = [(b"-w", None), (b"-w",), (b"-nw",), (b"--wait", None), (b"--time=",), (b"--wait=",)]
CODE_FORMS = [(b"-E", None), (b"-E",), (b"-sE",), (b"--conflict-exit-code", None), (b"--con=",)]


def given(form, value):
    """The option with its value, in the next word or in the same."""
    return (form[0], value) if len(form) == 2 else (form[0] + value,)


def values(dice):
    for value in WAIT_VALUES:
        for form in dice.sample(WAIT_FORMS, 2):
            options = Options(given(form, value))
            yield build(dice, options, LOCK, dice.choice([TRUE, SIGNALS]))
    for value in WAIT_NOT:
        options = Options((*given(dice.choice(WAIT_FORMS), value), b"--verbose"), waits="not")
        yield build(dice, options, LOCK, TRUE, "exclusive")
    for value in CODE_VALUES:
        for form in dice.sample(CODE_FORMS, 2):
            words = (b"-n", *given(form, value))
            yield build(dice, Options(words, waits="not"), LOCK, TRUE, "exclusive")


def paths(dice):
    some = [(), (b"-s",), (b"-u",), (b"-o",), (b"-F",), (b"--verbose",), (b"-n",)]
    likely = [*COMMANDS[:5], *SHELLS[:6]]
    for path in PATHS:
        for words in some:
            options = Options(words, waits="not" if b"-n" in words else "for ever")
            yield build(dice, options, path, dice.choice(likely))
        options = any_options(dice, waits=WAITS[1:])
        yield build(dice, options, path, TRUE, dice.choice(["exclusive", "shared"]))


def commands(dice):
    for command in [*COMMANDS, *SHELLS]:
        for words in [*SHOWN, (b"-u",), (b"-w", b"5")]:
            path = dice.choice([LOCK, Path(b"lock")])
            yield build(dice, Options(words), path, command)
        yield build(dice, any_options(dice), dice.choice(PLAIN_PATHS), command)


def starts(dice):
    some = [(), (b"-o",), (b"-nF",), *SHOWN[3:], (b"-w5",), (b"-w5", b"-F")]
    alone = [(), (b"-z",), (b"-h",), (b"-V",), (b"missing/lock", b"true"), (b"9",)]
    for name in STARTS:
        is_stream = name.startswith(("no ", "std"))
        for words in some:
            options = Options(words, waits="not" if b"-nF" in words else "for ever")
            path = dice.choice([LOCK, Path(b"lock"), dice.choice(PLAIN_PATHS)])
            likely = [REPORT, OUTPUT, TRUE, dice.choice(COMMANDS), dice.choice(SHELLS)]
            yield build(dice, options, path, dice.choice(likely), starts=[name])
            if name.startswith("SHELL"):
                command = Command((dice.choice([b"-c", b"--command"]), b'echo "$0"; exit 3'))
                yield build(dice, options, path, command, starts=[name])
            if name.startswith(("ignore", "block")):
                yield build(dice, options, path, SIGNALS, starts=[name])
            if is_stream and b"--verbose" in words:
                yield build(dice, options, LOCK, OUTPUT, starts=[name])
        for words in alone if is_stream else dice.sample(alone, 2):
            yield Case(words, starts=(name,))
        for options in (WAITS[1], WAITS[5], Options((b"--verbose", b"-E9", b"-n"), waits="not")):
            yield build(dice, options, LOCK, TRUE, "exclusive", [name])


NUMBERS = [
    *b"9 +9 09 0x9 9x 9.0 abc -1 8 0 1 99999999999 2147483647 2147483648 -2147483648".split(),
    *b"-2147483649 1e1 lock 99999999999999999999 /dev/fd/9 - + ' 1023 1048576".split(),
    *b"99999999999999999999x -99999999999999999999 2147483648x --9 +-9 -0".split(),
    *(b"", b" ", b" 9", b"9 ", b"\xff\n"),
]


def numbers(dice):
    """The form with a descriptor alone; the lock may be held through the descriptor itself."""
    for number in NUMBERS:
        for words in ((), (b"-n",), (b"--verbose",), (b"-oxn",), (b"-F",)):
            marker = (b"--",) if number.startswith(b"-") or dice.random() < 0.1 else ()
            yield Case((*words, *marker, number), LOCK.steps, locked=b"lock", nine="<")
    through = ["free", "exclusive", "shared", "exclusive through 9", "shared through 9"]
    for kind, wait, state in itertools.product(KINDS, WAITS, through):
        options = mixed(dice, kind, wait)
        if state.endswith("9") or ends(options, state):
            if dice.random() < 0.4:
                nine = dice.choice(["<", ">>", "<>"])
                words = (*options.words, dice.choice([b"9", b"09", b" 9"]))
                yield Case(words, LOCK.steps, state, b"lock", nine=nine)
    for words in ((b"9", b"true"), (b"9", b"-c", b"true"), (b"9", b"-n"), (b"9", b"--")):
        yield Case(words, LOCK.steps, locked=b"lock", nine="<", command=words[1:])


RANGE_VALUES = [
    *b"0 10 1k 1K 1KiB 1KB 2M 0x10 010 1.5K x -1 +1 1Q 16E 8E 7E 1kb 1b 1,5 1KiBx 1kI".split(),
    *b"1.K .5K 1e3 0.1 18446744073709551616 9223372036854775808".split(),
    *(WIDE, b"", b" 1", b"1 "),
]
RANGE_STATES = ["free", "exclusive in bytes 10 to 19", "shared in bytes 10 to 19"]


def fcntl_locks(dice):
    for value in RANGE_VALUES:
        for name in (b"--start", b"--length"):
            words = dice.choice([(name, value), (name + b"=" + value,)])
            yield build(dice, Options((*words, b"-n"), waits="not"), LOCK, TRUE)
    ranges = [(), (b"--start=5",), (b"--start=10",), (b"--start", b"20"), (b"--length=10",)]
    ranges += [(b"--length", b"11"), (b"--start=5", b"--length=5"), (b"--start=19", b"--length=1K")]
    for extent, kind, state in itertools.product(ranges, KINDS[::2], RANGE_STATES):
        chosen = mixed(dice, kind, dice.choice(WAITS[1:]))
        words = (b"--fcntl", *extent) if not extent or dice.random() < 0.3 else extent
        options = Options((*words, *chosen.words), chosen.kind, chosen.waits)
        command = dice.choice([TRUE, OUTPUT, REPORT])
        case = build(dice, options, LOCK, command)
        yield case and dataclasses.replace(case, state=state)
    for path, kind in itertools.product(PATHS, [KINDS[0], KINDS[4], KINDS[6]]):
        options = Options((b"--fcntl", *kind.words), kind.kind)
        yield build(dice, options, path, dice.choice([TRUE, REPORT, *SHELLS[:4]]))
    for nine, kind in itertools.product(["<", ">>", "<>"], KINDS):
        words = (b"--fcntl", *kind.words, b"-n", b"9")
        yield Case(words, LOCK.steps, dice.choice(RANGE_STATES), b"lock", nine=nine)
    for name in STARTS:
        # Without a descriptor 1, the lines of --verbose go to the lock file.
        command = TRUE if name.startswith("no") else dice.choice([REPORT, SIGNALS])
        yield build(dice, Options((b"--fcntl", b"--verbose")), LOCK, command, starts=[name])


def with_descriptor(dice):
    """`--fd N`, with a command, a string for the shell, or nothing."""
    tails = [(), *((b"9", *command.words) for command in COMMANDS[:9] + SHELLS[:6])]
    tails += [(b"9",), (b"x", b"true"), (b"8", b"true"), (b"9", b"--", b"true"), (b"99999999999",)]
    for tail in tails:
        for words in ((b"--fd",), (b"-n", b"--fd"), (b"-o", b"--verbose", b"--fd")):
            yield Case((*words, *tail), LOCK.steps, locked=b"lock", nine="<>", command=tail[1:])


def at_random(dice):
    for _ in range(600):
        chosen = dice.sample(list(STARTS), dice.choice([0, 0, 1, 1, 2]))
        yield build(
            dice,
            any_options(dice),
            dice.choice([LOCK, *PATHS]),
            dice.choice([*COMMANDS, *SHELLS]),
            dice.choice(list(STATES)),
            chosen,
            name=dice.choice([b"flock", b"./flock"]),
        )


MAKERS = {
    "states": states,
    "clusters": clusters,
    "abbreviations": abbreviations,
    "errors": errors,
    "operands": operands,
    "values": values,
    "paths": paths,
    "commands": commands,
    "starts": starts,
    "numbers": numbers,
    "fcntl": fcntl_locks,
    "fd": with_descriptor,
    "random": at_random,
}


def cases_of(group):
    """The cases of the group, each once, the same ones at every call."""
    dice = random.Random(f"flock {group}")
    return list(dict.fromkeys(case for case in MAKERS[group](dice) if case is not None))
