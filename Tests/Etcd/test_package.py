"""The engine's Debian package."""

import os
import re
import shutil
import subprocess

import pytest

import seam

NEEDED = ["dpkg-deb", "dpkg-shlibdeps", "make"]


@pytest.fixture
def packages(tmp_path):
    """What `make deb ENGINES=etcd` makes of what is built."""
    missing = [program for program in NEEDED if not shutil.which(program)]
    built = [seam.PROJECT / "build" / name for name in ("swlock", "swlock-etcd")]
    if missing or not all(os.access(file, os.X_OK) for file in built):
        pytest.skip(f"needs {' '.join(missing) or 'make and make etcd'}")
    words = ["make", "-s", "-o", "build/swlock", "-o", "build/swlock-etcd", "deb", "ENGINES=etcd"]
    subprocess.run([*words, f"DISTDIR={tmp_path}/made"], cwd=seam.PROJECT, check=True, capture_output=True)
    return {file.name.split("_")[0]: file for file in (tmp_path / "made").glob("*.deb")}


def output(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_the_engine_has_a_package_of_its_own(packages, tmp_path):
    assert set(packages) == {"swlock", "swlock-etcd"}
    fields = dict(re.findall(r"^(\S+): (.*)$", output("dpkg-deb", "-f", packages["swlock-etcd"]), re.MULTILINE))
    depends = fields["Depends"].split(", ")
    assert f"swlock (= {fields['Version']})" in depends
    assert any(entry.startswith("libcurl4") for entry in depends)
    contents = {name: output("dpkg-deb", "-c", file) for name, file in packages.items()}
    engine = "./usr/libexec/swlock/engine/etcd"
    assert engine in contents["swlock-etcd"] and engine not in contents["swlock"]
    output("dpkg-deb", "-x", packages["swlock-etcd"], tmp_path / "root")
    assert (tmp_path / "root" / engine).read_bytes() == (seam.PROJECT / "build/swlock-etcd").read_bytes()


def test_lintian_accepts_it(packages):
    if not shutil.which("lintian"):
        pytest.skip("needs lintian")
    command = ["lintian", "--allow-root", "--fail-on", "error,warning,info", packages["swlock-etcd"]]
    result = subprocess.run(command, capture_output=True, text=True, timeout=110)
    assert result.returncode == 0, result
