"""What `make install` leaves where, and swlock under the names of the tools that it replaces."""

import os
import pathlib
import shutil
import stat
import subprocess

import pytest

from conftest import PROJECT, SWLOCK
from observing import has_failed, nothing_left  # noqa: F401

BUILT = PROJECT / "build" / "swlock"
PAGES = [path.stem for path in (PROJECT / "man").glob("*.in")]
FILES = {
    "bin/swlock": "build/swlock",
    **{f"share/man/man{page[-1]}/{page}": f"man/{page}" for page in PAGES},
    "share/bash-completion/completions/swlock": "completions/swlock.bash",
    "share/zsh/site-functions/_swlock": "completions/_swlock",
    "share/fish/vendor_completions.d/swlock.fish": "completions/swlock.fish",
}
PERSONALITIES = ["flock", "lockrun"]
LINKS = "libexec/swlock/bin"

# A command line that each tool runs `echo ran` by, and a word of what it says of its version.
USES = {
    "flock": (["lock", "echo", "ran"], b"util-linux"),
    "lockrun": (["--lockfile=lock", "--", "echo", "ran"], b"lockrun"),
}

needs_make = pytest.mark.usefixtures("built")
every_personality = pytest.mark.parametrize("name", PERSONALITIES)
every_set = pytest.mark.parametrize(
    "names",
    [[], ["flock"], ["lockrun"], PERSONALITIES],
    ids=lambda names: "+".join(names) or "none",
)


@pytest.fixture
def built():
    """The binary that make installs must be there; building it anew is not for these tests."""
    if shutil.which("make") is None:
        pytest.skip("needs make")
    if not os.access(BUILT, os.X_OK):
        pytest.skip("needs build/swlock")


def make(target, check=True, **variables):
    """Runs make as a user would who has neither its variables nor another make around it."""
    own = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "PERSONALITIES", "PERSONALITYDIR")
    own += ("PREFIX", "DESTDIR", "BINDIR", "DATADIR", "ZSHDIR", "DISTDIR", "ARCH")
    env = {name: value for name, value in os.environ.items() if name not in own}
    words = [f"{name}={value}" for name, value in variables.items()]
    present = ["-o", "build/swlock", "-o", "build/arm64/swlock"]
    command = ["make", "-C", PROJECT, *present, target, *words]
    result = subprocess.run(command, env=env, capture_output=True, timeout=60)
    assert result.returncode == 0 or not check, result
    return result


def files_in(folder):
    """Everything below that is no folder: its path, and where it leads if it is a link."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = pathlib.Path(place, name)
            if path.is_symlink() or not path.is_dir():
                found[str(path.relative_to(folder))] = path.is_symlink() and os.readlink(path)
    return found


def works_as(name, command, folder, **options):
    """Whether `command` runs a command as this tool does, and says that it is swlock."""
    words, version = USES[name]
    options = {"cwd": folder, "capture_output": True, "timeout": 30, **options}
    assert subprocess.run([*command, *words], **options).stdout == b"ran\n"
    said = subprocess.run([*command, "--version"], **options).stdout
    assert version in said and b"swlock" in said, said
    assert (folder / "lock").exists()
    return True


# make install


@needs_make
@pytest.mark.parametrize("prefix", [None, "/usr"])
def test_install_puts_its_files_below_destdir_and_the_prefix(folder, prefix):
    variables = {} if prefix is None else {"PREFIX": prefix}
    make("install", DESTDIR=folder, **variables)
    base = (prefix or "/usr/local").strip("/")
    assert files_in(folder) == {f"{base}/{path}": False for path in FILES}
    for path, source in FILES.items():
        installed = folder / base / path
        assert installed.read_bytes() == (PROJECT / source).read_bytes()
        mode = 0o755 if path == "bin/swlock" else 0o644
        assert stat.S_IMODE(installed.stat().st_mode) == mode


@needs_make
@every_set
@pytest.mark.parametrize("binaries", [None, "/opt/tools"], ids=["default", "elsewhere"])
def test_install_makes_the_links_that_are_asked_for_and_no_other(folder, names, binaries):
    variables = {} if binaries is None else {"BINDIR": binaries}
    make("install", DESTDIR=folder, PREFIX="/usr", PERSONALITIES=" ".join(names), **variables)
    found = files_in(folder)
    binary = f"{binaries or '/usr/bin'}/swlock"
    wanted = [f"usr/{LINKS}/{name}" for name in names]
    assert sorted(path for path in found if "libexec" in path) == wanted
    assert len(found) == len(FILES) + len(names)
    for path in wanted:
        # When it is used, the folder is the root.
        target = pathlib.Path("/", path).parent / found[path]
        assert os.path.normpath(target) == binary


@needs_make
@every_personality
def test_the_links_folder_first_in_path_replaces_the_tool(folder, name):
    make("install", PREFIX=folder / "prefix", PERSONALITIES=" ".join(PERSONALITIES))
    env = {**os.environ, "PATH": f"{folder}/prefix/{LINKS}:{os.environ['PATH']}"}
    assert works_as(name, ["sh", "-c", f'{name} "$@"', "sh"], folder, env=env)
    found = subprocess.run(["sh", "-c", f"command -v {name}"], env=env, capture_output=True)
    assert found.stdout.decode().strip() == f"{folder}/prefix/{LINKS}/{name}"


@needs_make
@every_personality
def test_the_links_work_where_the_whole_tree_has_been_moved(folder, name):
    make("install", DESTDIR=folder / "image", PREFIX="/usr", PERSONALITIES=name)
    (folder / "image").rename(folder / "root")
    assert works_as(name, [folder / "root/usr" / LINKS / name], folder)


@needs_make
def test_install_may_be_repeated_and_extended(folder):
    for names in ("", "flock", "flock", "flock lockrun", ""):
        make("install", DESTDIR=folder, PREFIX="/usr", PERSONALITIES=names)
    links = [path for path, target in files_in(folder).items() if target]
    assert sorted(links) == [f"usr/{LINKS}/flock", f"usr/{LINKS}/lockrun"]


@needs_make
@pytest.mark.parametrize("names", ["swlock", "sh", "flock nonsense", "../flock"])
def test_install_knows_no_other_names(folder, names):
    result = make("install", check=False, DESTDIR=folder, PREFIX="/usr", PERSONALITIES=names)
    assert result.returncode != 0
    assert not [path for path in files_in(folder) if "libexec" in path]


@needs_make
@pytest.mark.parametrize("links", ["/usr/bin", "/srv/swlock/bin", "/x"])
def test_the_links_may_be_put_elsewhere(folder, links):
    (folder / "usr/bin").mkdir(parents=True)
    variables = {"DESTDIR": folder, "PREFIX": "/usr", "PERSONALITYDIR": links}
    make("install", **variables, PERSONALITIES="flock")
    assert works_as("flock", [f"{folder}{links}/flock"], folder)
    make("uninstall", **variables)
    assert set(files_in(folder)) == {"lock"} and (folder / "usr/bin").is_dir()


def a_file(path):
    path.touch()


def a_link_elsewhere(path):
    path.symlink_to("/bin/true")


def a_dangling_link(path):
    path.symlink_to("missing")


def a_folder(path):
    path.mkdir()


@needs_make
@pytest.mark.parametrize("put", [a_file, a_link_elsewhere, a_dangling_link, a_folder])
def test_another_tool_of_that_name_is_neither_replaced_nor_removed(folder, put):
    (folder / "usr" / LINKS).mkdir(parents=True)
    put(folder / "usr" / LINKS / "lockrun")
    before = files_in(folder)
    variables = {"DESTDIR": folder, "PREFIX": "/usr"}
    result = make("install", check=False, **variables, PERSONALITIES=" ".join(PERSONALITIES))
    assert result.returncode != 0
    make("uninstall", **variables)
    assert files_in(folder) == before and os.path.lexists(folder / "usr" / LINKS / "lockrun")


@needs_make
@every_set
@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
def test_uninstall_removes_what_install_made_and_nothing_else(folder, names, told):
    others = [*(os.path.dirname(path) for path in FILES), "libexec/swlock", LINKS, "libexec"]
    for place in others:
        (folder / "usr" / place).mkdir(parents=True, exist_ok=True)
        (folder / "usr" / place / "other").touch()
    (folder / "usr/bin/flock").touch()
    before = files_in(folder)
    variables = {"DESTDIR": folder, "PREFIX": "/usr"}
    asked = {"PERSONALITIES": " ".join(names)}
    make("install", **variables, **asked)
    assert len(files_in(folder)) == len(before) + len(FILES) + len(names)
    make("uninstall", **variables, **(asked if told else {}))
    assert files_in(folder) == before


@needs_make
def test_uninstall_leaves_no_folder_of_swlocks_own(folder):
    variables = {"DESTDIR": folder, "PREFIX": "/usr"}
    make("install", **variables, PERSONALITIES=" ".join(PERSONALITIES))
    make("uninstall", **variables)
    assert files_in(folder) == {}
    assert not (folder / "usr/libexec/swlock").exists()


@needs_make
def test_uninstall_without_an_installation_is_no_error(folder):
    make("uninstall", DESTDIR=folder, PREFIX="/usr")
    assert files_in(folder) == {}


# Other ways to the names


def by_link(path):
    path.symlink_to(SWLOCK)


def by_copy(path):
    shutil.copy(SWLOCK, path)


def by_a_link_to_a_link(path):
    (path.parent / "between").symlink_to(SWLOCK)
    path.symlink_to("between")


def by_a_link_to_a_copy(path):
    shutil.copy(SWLOCK, path.parent / "between")
    path.symlink_to("between")


WAYS = [by_link, by_copy, by_a_link_to_a_link, by_a_link_to_a_copy]


@every_personality
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_a_link_and_a_copy_are_the_tool_whose_name_they_have(folder, name, way):
    (folder / "bin").mkdir()
    way(folder / "bin" / name)
    for command in (
        [folder / "bin" / name],
        [f"bin/{name}"],
        ["sh", "-c", f'bin/{name} "$@"', "-"],
    ):
        assert works_as(name, command, folder)


@every_personality
def test_it_is_found_in_path_by_a_relative_folder_too(folder, name):
    (folder / name).symlink_to(SWLOCK)
    env = {**os.environ, "PATH": f".:{os.environ['PATH']}"}
    assert works_as(name, ["sh", "-c", f'{name} "$@"', "-"], folder, env=env)


@every_personality
def test_as_needs_no_link(folder, name):
    assert works_as(name, [SWLOCK, "as", name], folder)


@every_personality
def test_only_the_name_that_it_is_called_by_counts(folder, name):
    """Not the name of the file: `exec -a` of a shell gives another."""
    shutil.copy(SWLOCK, folder / name)
    words = ["swlock", "--version"]
    result = subprocess.run(words, executable=folder / name, capture_output=True, timeout=30)
    assert result.stdout.startswith(b"swlock ")


# swlock as


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--"],
        [""],
        ["nonsense"],
        ["flok"],
        ["Flock"],
        ["flock2"],
        ["swlock"],
        ["--zzz", "flock"],
        ["-n", "flock", "lock", "true"],
        ["lock", "true"],
    ],
    ids=str,
)
def test_as_without_a_program_that_it_knows_is_a_usage_error(swlock, folder, words):
    assert has_failed(swlock.run("as", *words), 64)
    assert os.listdir(folder) == []


def test_a_program_that_is_not_known_is_named_with_those_that_are(swlock):
    assert has_failed(swlock.run("as", "nonsense"), 64, b"nonsense", b"flock", b"lockrun")


@every_personality
def test_after_the_program_all_words_are_its_own(swlock, folder, name):
    words, _ = USES[name]
    assert swlock.run("as", name, *words).stdout == b"ran\n"
    result = swlock.run("as", name, "--zzz")
    assert result.returncode not in (0, 255) and not result.stderr.startswith(b"swlock: ")


@pytest.mark.parametrize("words", [["as", "--help"], ["as", "-h"], ["help", "as"]], ids=" ".join)
def test_help_on_as_names_the_programs(swlock, words):
    result = swlock.run(*words)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"flock" in result.stdout and b"lockrun" in result.stdout
