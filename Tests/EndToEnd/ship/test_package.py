"""The packages that are made of the binary, and that the binary needs nothing beside it."""

import hashlib
import os
import re
import shutil
import stat
import subprocess

import pytest

from conftest import PROJECT, SWLOCK, needs_root, needs_tool
from observing import nothing_left  # noqa: F401
from test_install import FILES, built, files_in, make, needs_make  # noqa: F401

EPOCH = "1700000000"
DOCUMENTS = {"README.md", "LICENSE", "CHANGELOG.md"}
EXAMPLES = {f"examples/{path.name}" for path in (PROJECT / "examples").iterdir()}

pytestmark = needs_make
needs_dpkg = needs_tool("dpkg-deb")
needs_rpm = needs_tool("rpmbuild")
needs_x86 = pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86-64")
every_package = pytest.mark.parametrize(
    "target", ["dist", pytest.param("deb", marks=needs_dpkg), pytest.param("rpm", marks=needs_rpm)]
)


def package(target, place, architecture=None, **environment):
    """Makes it in `place`, and returns the file."""
    words = {"ARCH": architecture} if architecture else {}
    environment = {"SOURCE_DATE_EPOCH": EPOCH, **environment}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        make(target, DISTDIR=place, **words)
    (file,) = [path for path in place.iterdir() if path.name != "SHA256SUMS"]
    return file


def version():
    result = subprocess.run([SWLOCK, "version"], capture_output=True, check=True)
    return result.stdout.split()[1].decode()


def twice(target, folder, architecture=None):
    """What it makes in two places, each time in other circumstances."""
    home = folder / "a home"
    home.mkdir()
    (home / ".rpmmacros").write_text("%packager Somebody\n")
    first = package(target, folder / "one", architecture, TZ="UTC", LC_ALL="C", HOME="/")
    mask = os.umask(0o077)
    try:
        place = folder / "two ’s"
        second = package(target, place, architecture, TZ="Asia/Tokyo", LC_ALL="C.UTF-8", HOME=str(home), TMPDIR=str(home))
    finally:
        os.umask(mask)
    return first, second


@every_package
def test_the_same_binary_makes_the_same_package_byte_by_byte(folder, target):
    first, second = twice(target, folder)
    assert first.name == second.name
    assert first.read_bytes() == second.read_bytes()
    assert version() in first.name


@every_package
def test_the_checksums_are_those_of_the_packages(folder, target):
    file = package(target, folder / "made")
    text = (folder / "made/SHA256SUMS").read_text()
    assert text == f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
    command = ["sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS"]
    subprocess.run(command, cwd=folder / "made", check=True)


def test_the_checksums_are_those_of_files_that_are_made(tmp_path):
    (tmp_path / "swlock-1").mkdir()
    names = ["swlock-B", "swlock-a", "swlock_2.deb", "swlock-2.tar.gz.new", "other"]
    for name in names:
        (tmp_path / name).touch()
    environment = {**os.environ, "LC_ALL": "en_US.UTF-8"}
    subprocess.run([PROJECT / "scripts/checksums", tmp_path], env=environment, check=True)
    listed = [line.split()[1] for line in (tmp_path / "SHA256SUMS").read_text().splitlines()]
    assert listed == names[:3]


def test_the_tarball_has_what_install_installs_and_the_documents(folder):
    file = package("dist", folder / "made")
    listing = subprocess.run(
        ["tar", "tvf", file, "--numeric-owner", "--full-time"],
        capture_output=True,
        check=True,
        env={**os.environ, "TZ": "UTC"},
    )
    lines = listing.stdout.decode().splitlines()
    assert all(" 0/0 " in line and "2023-11-14 22:13:20" in line for line in lines), lines
    names = [line.split()[-1] for line in lines]
    assert names == sorted(names)
    subprocess.run(["tar", "xf", file, "-C", folder], check=True)
    root = folder / file.name.removesuffix(".tar.gz")
    assert set(files_in(root)) == set(FILES) | DOCUMENTS | EXAMPLES
    assert stat.S_IMODE((root / "bin/swlock").stat().st_mode) == 0o755
    result = subprocess.run([root / "bin/swlock", "version"], capture_output=True)
    assert result.stdout.decode() == f"swlock {version()}\n"


def test_without_a_date_that_of_the_last_commit_is_taken(folder):
    if not (PROJECT / ".git").exists() or shutil.which("git") is None:
        pytest.skip("needs a repository")
    command = ["git", "-c", f"safe.directory={PROJECT}", "log", "-1", "--format=%ct"]
    date = subprocess.run(command, cwd=PROJECT, capture_output=True, check=True).stdout
    command = [PROJECT / "scripts/source-date"]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": ""}
    assert subprocess.run(command, env=environment, capture_output=True).stdout == date


# Other processors

ARM64 = PROJECT / "build/arm64/swlock"
needs_arm64 = pytest.mark.skipif(not ARM64.exists(), reason="needs make ARCH=arm64")


@needs_arm64
def test_the_tarball_for_arm64_has_the_binary_for_that(folder):
    first, second = twice("dist", folder, "arm64")
    assert first.name == f"swlock-{version()}-linux-aarch64.tar.gz"
    assert first.read_bytes() == second.read_bytes()
    subprocess.run(["tar", "xf", first, "-C", folder], check=True)
    root = folder / first.name.removesuffix(".tar.gz")
    assert set(files_in(root)) == set(FILES) | DOCUMENTS | EXAMPLES
    assert (root / "bin/swlock").read_bytes() == ARM64.read_bytes()


@needs_arm64
@needs_dpkg
def test_the_debian_package_for_arm64_has_the_binary_for_that(folder):
    first, second = twice("deb", folder, "arm64")
    assert first.name == f"swlock_{version()}-1_arm64.deb"
    assert first.read_bytes() == second.read_bytes()
    assert fields(first)["Architecture"] == "arm64"
    subprocess.run(["dpkg-deb", "-x", first, folder / "root"], check=True)
    assert (folder / "root/usr/bin/swlock").read_bytes() == ARM64.read_bytes()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"target": "all", "ARCH": "foo"}, b"ARCH=foo is neither this machine (which is "),
        ({"target": "test", "ARCH": "arm64"}, b"make test is for this machine only"),
        ({"target": "deb", "ARCH": "arm64", "ENGINES": "etcd"}, b"without engines"),
        ({"target": "all", "ARCH": "arm64", "LIBC": "glibc"}, b"with musl"),
        ({"target": "release", "OWN": "arm64"}, b"make release is for x86-64"),
    ],
)
@needs_x86
def test_what_cannot_be_made_for_another_processor_is_said_in_one_line(words, said):
    result = make(**words, check=False)
    assert result.returncode == 2
    assert said in result.stderr and result.stderr.count(b"\n") == 1


def test_only_what_this_machine_cannot_is_not_emulated():
    emulate = [PROJECT / "scripts/emulate"]
    assert subprocess.run([*emulate, "/nowhere", "true"], capture_output=True).returncode == 69
    assert subprocess.run([*emulate, "x" * 300, "true"], capture_output=True).returncode == 70


# Versions that come before another one


@needs_x86
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param("deb", "swlock_9.0.0~rc1-1_amd64.deb", marks=needs_dpkg),
        pytest.param("rpm", "swlock-9.0.0~rc1-1.x86_64.rpm", marks=needs_rpm),
    ],
)
def test_a_pre_release_comes_before_the_release(folder, kind, name):
    environment = {**os.environ, "ARCH": "amd64", "SOURCE_DATE_EPOCH": EPOCH}
    command = [PROJECT / f"scripts/make-{kind}", "9.0.0-rc1", folder / "made"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert set(os.listdir(folder / "made")) == {name, "SHA256SUMS"}


# The Debian package

PAGES = [path.stem for path in (PROJECT / "man").glob("*.in")]


def fields(file):
    result = subprocess.run(["dpkg-deb", "-f", file], capture_output=True, check=True)
    return dict(re.findall(r"^(\S+): (.*)$", result.stdout.decode(), re.MULTILINE))


@needs_dpkg
def test_the_debian_package_has_everything_and_depends_on_nothing(folder):
    file = package("deb", folder / "made", DEBFULLNAME="A & B / C", DEBEMAIL="a@example.net")
    found = fields(file)
    assert found["Version"] == version() + "-1"
    assert found["Maintainer"] == "A & B / C <a@example.net>"
    assert "Depends" not in found
    subprocess.run(["dpkg-deb", "-x", file, folder / "root"], check=True)
    documents = "usr/share/doc/swlock"
    wanted = {
        "usr/bin/swlock",
        "usr/libexec/swlock/bin/flock",
        "usr/libexec/swlock/bin/lockrun",
        *(f"usr/share/man/man{page[-1]}/{page}.gz" for page in PAGES),
        "usr/share/bash-completion/completions/swlock",
        "usr/share/zsh/vendor-completions/_swlock",
        "usr/share/fish/vendor_completions.d/swlock.fish",
        "usr/share/lintian/overrides/swlock",
    }
    names = ("README.md", "copyright", "changelog.gz", "changelog.Debian.gz", *EXAMPLES)
    assert set(files_in(folder / "root")) == wanted | {f"{documents}/{name}" for name in names}
    sums = subprocess.run(["dpkg-deb", "-I", file, "md5sums"], capture_output=True, check=True)
    command = ["md5sum", "--check", "--strict", "--quiet"]
    subprocess.run(command, cwd=folder / "root", input=sums.stdout, check=True)


@needs_dpkg
@needs_tool("lintian")
def test_lintian_accepts_the_debian_package(folder):
    file = package("deb", folder / "made")
    command = ["lintian", "--allow-root", "--fail-on", "error,warning,info", file]
    result = subprocess.run(command, capture_output=True, cwd=folder, timeout=300)
    assert result.returncode == 0, result


@needs_root
@needs_dpkg
def test_the_debian_package_installs_and_leaves_nothing_when_it_is_purged(folder):
    file = package("deb", folder / "made")
    root = folder / "root"
    base = root / "var/lib/dpkg"
    for name in ("info", "updates"):
        (base / name).mkdir(parents=True)
    (base / "status").touch()
    command = ["dpkg", f"--root={root}", "--log=/dev/null", "--force-not-root"]
    subprocess.run([*command, "--install", file], check=True, capture_output=True)
    place = root / "usr/libexec/swlock/bin/flock"
    assert subprocess.run([place, "--version"], capture_output=True).stdout.startswith(b"flock ")
    subprocess.run([*command, "--purge", "swlock"], check=True, capture_output=True)
    assert [path for path in root.rglob("*") if base not in path.parents] == [
        root / "var",
        root / "var/lib",
        base,
    ]
    assert b"swlock" not in (base / "status").read_bytes()


# The RPM package


def queried(file, form):
    return subprocess.run(["rpm", "-qp", "--qf", form, file], capture_output=True, check=True, text=True).stdout


@needs_rpm
@pytest.mark.parametrize(
    ("architecture", "machine"), [(None, os.uname().machine), pytest.param("arm64", "aarch64", marks=needs_arm64)]
)
def test_the_rpm_package_has_everything_and_depends_on_nothing(folder, architecture, machine):
    file = package("rpm", folder / "made", architecture)
    assert file.name == f"swlock-{version()}-1.{machine}.rpm"
    assert queried(file, "%{VERSION} %{ARCH} %{LICENSE} %{BUILDTIME}") == f"{version()} {machine} MIT {EPOCH}"
    assert {name.partition("(")[0] for name in queried(file, "[%{REQUIRENAME}\n]").split()} == {"rpmlib"}
    assert "(none)" in queried(file, "%{PREIN} %{POSTIN} %{PREUN} %{POSTUN}")
    documents, licenses = "usr/share/doc/swlock", "usr/share/licenses/swlock/LICENSE"
    wanted = {path if not path.startswith("share/man") else f"{path}.gz" for path in FILES}
    wanted = {f"usr/{path}" for path in wanted} | {"usr/libexec/swlock/bin/flock", "usr/libexec/swlock/bin/lockrun"}
    wanted |= {f"{documents}/{name}" for name in ("README.md", "CHANGELOG.md", *EXAMPLES)} | {licenses}
    modes = dict(line.rsplit(" ", 1) for line in queried(file, "[%{FILENAMES} %{FILEMODES:perms}\n]").splitlines())
    assert {name[1:] for name, mode in modes.items() if mode[0] != "d"} == wanted
    assert modes["/usr/bin/swlock"] == "-rwxr-xr-x"
    assert set(queried(file, "[%{FILEUSERNAME} %{FILEGROUPNAME}\n]").split()) == {"root"}


@needs_root
@needs_rpm
def test_the_rpm_package_installs_and_leaves_nothing_when_it_is_erased(folder):
    file = package("rpm", folder / "made")
    root = folder / "root"
    (root / "usr/share/doc").mkdir(parents=True)
    command = ["rpm", "--root", root, "--dbpath", "/db", "--noscripts"]
    environment = {**os.environ, "HOME": "/"}
    install = [*command, "--install", "--ignorearch", file]
    if subprocess.run(["rpm", "--force-debian", "--version"], capture_output=True).returncode == 0:
        install.insert(1, "--force-debian")
    subprocess.run(install, check=True, capture_output=True, env=environment)
    place = root / "usr/libexec/swlock/bin/flock"
    assert subprocess.run([place, "--version"], capture_output=True).stdout.startswith(b"flock ")
    erase = [*install[: install.index("--install")], "--erase", "swlock"]
    subprocess.run(erase, check=True, capture_output=True, env=environment)
    assert [path for path in root.rglob("*") if path.is_file() and root / "db" not in path.parents] == []
    assert not any("swlock" in path.name for path in root.rglob("*"))


@needs_root
@needs_tool("debootstrap")
@pytest.mark.skipif("SWLOCK_SLOW" not in os.environ, reason="needs SWLOCK_SLOW=1, and a mirror")
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("target", ["deb", pytest.param("rpm", marks=needs_rpm)])
def test_the_package_is_used_in_a_fresh_debian(folder, target):
    file = package(target, folder / "made")
    command = [PROJECT / "scripts/prove-package", file]
    result = subprocess.run(command, capture_output=True, timeout=1700)
    assert result.returncode == 0, result
    assert b"removed without a trace" in result.stdout


# Places


@needs_root
@pytest.mark.parametrize(
    "words",
    [["run", "/l", "--"], ["run", "-m", "hardlink", "/l", "--"], ["as", "flock", "/l"]],
    ids=["run", "hardlink", "flock"],
)
def test_the_binary_runs_where_there_is_nothing_else(folder, words):
    """No /proc, no /dev, no /etc, no libraries: the command is swlock itself."""
    root = folder / "root"
    root.mkdir(mode=0o755)
    shutil.copy(SWLOCK, root / "swlock")
    command = ["chroot", root, "/swlock", *words, "/swlock", "version"]
    result = subprocess.run(command, capture_output=True, timeout=30)
    assert result.returncode == 0, result
    assert result.stdout.decode() == f"swlock {version()}\n"
    assert result.stderr == b""
    # The lock file, if one was made.
    assert set(os.listdir(root)) <= {"swlock", "l"}


@pytest.mark.parametrize("name", ["a folder  with spaces", "it's; true &", "-ä*"])
def test_an_odd_destdir_works_and_uninstall_empties_it(folder, name):
    variables = {"DESTDIR": f"{folder}/{name}", "PREFIX": "/usr"}
    make("install", **variables, PERSONALITIES="flock lockrun")
    assert len(files_in(folder / name)) == len(FILES) + 2
    make("uninstall", **variables)
    assert files_in(folder) == {}
