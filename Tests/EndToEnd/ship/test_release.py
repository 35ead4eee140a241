"""What `make release` makes, and what it refuses."""

import hashlib
import os
import pathlib
import shutil
import subprocess

import pytest

from conftest import PROJECT, needs_tool
from observing import nothing_left  # noqa: F401
from test_package import EPOCH, fields, queried, version

pytestmark = [
    needs_tool("git"),
    pytest.mark.skipif(not (PROJECT / ".git").exists(), reason="needs a repository"),
]


def run(*command, **options):
    return subprocess.run(command, capture_output=True, text=True, **options)


# What it refuses


@pytest.fixture
def sources(folder):
    """A clone, with what is not committed yet in the scripts that are tried here."""
    clone = folder / "sources"
    run("git", "-c", "safe.directory=*", "clone", "--quiet", "--no-hardlinks", PROJECT, clone, check=True)
    for name in ("Makefile", "CHANGELOG.md", "scripts", "Sources/CommandLine/EntryPoint.swift"):
        if (PROJECT / name).is_dir():
            shutil.copytree(PROJECT / name, clone / name, dirs_exist_ok=True)
        else:
            shutil.copy2(PROJECT / name, clone / name)
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    run("git", "add", "--all", cwd=clone, check=True)
    run("git", *identity, "commit", "--quiet", "--allow-empty", "--message", "x", cwd=clone, check=True)
    return clone


def refused(sources, *words):
    """The line that make-release ends with; nothing is in the folder where the release was to be."""
    result = run(sources / "scripts/make-release", *words, "made", cwd=sources, timeout=60)
    assert result.returncode == 1
    assert not (sources / "made").exists()
    (line,) = result.stderr.splitlines()
    return line


@pytest.mark.parametrize("other", ["9.9.9", "", "../x", "0.1"])
def test_a_version_that_the_sources_are_not_is_refused(sources, other):
    assert refused(sources, other).startswith(f"make release: the sources are version {version()}, not '{other}'")


def test_changes_that_are_not_committed_are_refused(sources):
    (sources / "new").touch()
    assert "not committed" in refused(sources, version())


def test_without_notes_there_is_no_release(sources):
    (sources / "CHANGELOG.md").write_text(f"# Changelog\n\n## Unreleased\n\nNo notes.\n\n## {version()}.1\n\nOthers.\n")
    commit(sources)
    assert refused(sources, version()) == f"make release: CHANGELOG.md has no section '## {version()}'"


def test_without_a_repository_there_is_no_release(sources):
    shutil.rmtree(sources / ".git")
    assert "needs the repository" in refused(sources, version())


def commit(sources):
    identity = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    run("git", *identity, "commit", "-qam", "x", cwd=sources, check=True)


def test_without_a_baseline_of_its_series_there_is_no_release(sources):
    path = sources / "docs/api/released.json"
    path.write_text(path.read_text().replace(f'"version": "{version()}"', '"version": "0.0.9"', 1))
    commit(sources)
    assert "run `make api-baseline`" in refused(sources, version())


def test_where_git_fails_there_is_no_release(sources):
    (sources / ".git/index").write_text("x")
    result = run(sources / "scripts/make-release", version(), "made", cwd=sources, timeout=60)
    assert result.returncode == 1
    assert result.stderr.splitlines()[-1] == "make release: git cannot tell whether all is committed"
    assert not (sources / "made").exists()


# What it makes: by `make release-test`, since it builds everything

slow = [
    pytest.mark.skipif("SWLOCK_RELEASE" not in os.environ, reason="make release-test"),
    pytest.mark.timeout(1500),
]


@pytest.fixture(scope="module")
def releases(tmp_path_factory):
    """Two, made in other circumstances."""
    made = []
    settings = tmp_path_factory.mktemp("settings") / "git"
    settings.write_text("[tar]\n  umask = 0077\n[core]\n  autocrlf = true\n")
    other = {"TZ": "Asia/Tokyo", "LC_ALL": "C.UTF-8", "GIT_CONFIG_GLOBAL": str(settings), "ENGINES": "etcd"}
    for circumstances, mask in ({"TZ": "UTC", "LC_ALL": "C"}, 0o22), (other, 0o77):
        place = tmp_path_factory.mktemp("release") / "a folder’s"
        environment = {**os.environ, **circumstances, "SOURCE_DATE_EPOCH": EPOCH, "DIRTY": "1"}
        run("make", "-C", PROJECT, "release", f"DISTDIR={place}", env=environment, umask=mask, check=True)
        made.append(place)
    return made


class TestMade:
    pytestmark = slow

    def test_it_is_the_same_twice(self, releases):
        one, two = ({path.name: path.read_bytes() for path in place.iterdir()} for place in releases)
        assert one.keys() == two.keys()
        assert [name for name in one if one[name] != two[name]] == []

    def test_it_has_every_package_for_both_processors(self, releases):
        number, packaged = version(), version().replace("-", "~")
        assert {path.name for path in releases[0].iterdir()} == {
            "SHA256SUMS",
            "swlock.spdx.json",
            f"swlock-{number}-notes.md",
            f"swlock-{number}.tar.gz",
            f"swlock-etcd_{packaged}-1_amd64.deb",
            *(f"swlock-{number}-linux-{machine}.tar.gz" for machine in ("x86_64", "aarch64")),
            *(f"swlock-{packaged}-1.{machine}.rpm" for machine in ("x86_64", "aarch64")),
            *(f"swlock_{packaged}-1_{machine}.deb" for machine in ("amd64", "arm64")),
        }
        for file in releases[0].glob("*.deb"):
            assert fields(file)["Architecture"] == file.stem.rpartition("_")[2]
        for file in releases[0].glob("*.rpm"):
            assert queried(file, "%{ARCH}") == file.stem.rpartition(".")[2]

    def test_the_checksums_are_those_of_all_files(self, releases):
        place = releases[0]
        run("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", cwd=place, check=True)
        named = {line.split()[1] for line in (place / "SHA256SUMS").read_text().splitlines()}
        assert named == {path.name for path in place.iterdir()} - {"SHA256SUMS"}

    def test_the_notes_are_the_section_of_the_changelog(self, releases):
        notes = (releases[0] / f"swlock-{version()}-notes.md").read_text()
        changelog = (PROJECT / "CHANGELOG.md").read_text()
        heading, _, rest = changelog.partition(f"\n## {version()}")[2].partition("\n")
        assert notes.strip() == rest.partition("\n## ")[0].strip()
        assert len(notes) > 100 and heading is not None

    def test_the_tarball_of_the_sources_is_the_commit(self, releases, tmp_path):
        run("tar", "xf", releases[0] / f"swlock-{version()}.tar.gz", "-C", tmp_path, check=True)
        root = tmp_path / f"swlock-{version()}"
        known = run("git", "-c", "safe.directory=*", "ls-tree", "-r", "--name-only", "-z", "HEAD", cwd=PROJECT, check=True)
        assert {str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir()} == set(
            known.stdout.rstrip("\0").split("\0")
        )

    def test_the_spdx_document_is_valid_and_has_every_file(self, releases):
        parser = pytest.importorskip("spdx_tools.spdx.parser.parse_anything")
        validator = pytest.importorskip("spdx_tools.spdx.validation.document_validator")
        document = parser.parse_file(str(releases[0] / "swlock.spdx.json"))
        assert validator.validate_full_spdx_document(document) == []
        sums = {
            pathlib.PurePath(file.name).name: {one.algorithm.name: one.value for one in file.checksums}["SHA256"]
            for file in document.files
        }
        assert sums == {
            path.name: hashlib.sha256(path.read_bytes()).hexdigest()
            for path in releases[0].iterdir()
            if path.name not in ("SHA256SUMS", "swlock.spdx.json")
        }
        links = {
            (one.spdx_element_id.rpartition("Package-")[2], one.related_spdx_element_id.rpartition("Package-")[2])
            for one in document.relationships
            if one.relationship_type.name.endswith("_LINK")
        }
        assert links == {("swlock", part) for part in ("swift", "musl", "compiler-rt")} | {
            *(("swlock-arm64", part) for part in ("swift", "musl-arm64", "libgcc-arm64")),
            *(("swlock-etcd", part) for part in ("swift", "protobuf-c", "curl")),
        }
        assert all(one.version for one in document.packages)
        names = {one.spdx_id: one.name for one in document.files}
        origins = {
            (names[one.spdx_element_id], one.related_spdx_element_id.rpartition("Package-")[2])
            for one in document.relationships
            if one.relationship_type.name == "GENERATED_FROM"
        }
        assert {origin for name, origin in origins if "arm64" in name or "aarch64" in name} == {"swlock-arm64"}
        assert {origin for name, origin in origins if "amd64" in name} == {"swlock", "swlock-etcd"}
