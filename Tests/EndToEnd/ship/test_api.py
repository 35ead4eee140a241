"""What scripts/api lets through, and what it does not."""

import json
import shutil
import subprocess

import pytest

from conftest import PROJECT, needs_tool

API = PROJECT / "scripts/api"


@pytest.fixture
def known(tmp_path):
    if not (PROJECT / ".build/debug/Modules").exists():
        pytest.skip("needs swift build")
    shutil.copytree(PROJECT / "docs/api", tmp_path / "api")
    return tmp_path / "api"


def check(folder, action="check"):
    result = subprocess.run([API, action, folder], capture_output=True, text=True)
    return result.returncode, result.stderr


def declarations(node):
    """Each declaration of a digester's dump, and what it is in."""
    for child in node.get("children", []):
        if "declKind" in child:
            yield node, child
            yield from declarations(child)


def edit(folder, change):
    path = folder / "released.json"
    content = json.loads(path.read_text())
    named = {child["printedName"]: (node, child) for node, child in declarations(content["ABIRoot"])}
    change(content, named)
    path.write_text(json.dumps(content))


@needs_tool("swift")
def test_what_is_known_passes(known):
    assert check(known) == (0, "")


def remove(content, named):
    node, child = named["removesFile"]
    node["children"].append(child | {"name": "removedFile", "printedName": "removedFile", "usr": child["usr"] + "x"})


def retype(content, named):
    _, child = named["removesFile"]
    child["children"] = [{"kind": "TypeNominal", "name": "Int", "printedName": "Swift.Int", "usr": "s:Si"}]


def forget_case(content, named):
    """So that the enumeration has got one since."""
    node, child = named["Sharing"]
    child["children"].pop()


def forget_conformance(content, named):
    _, child = named["FileLock"]
    child["conformances"].append({"kind": "Conformance", "name": "Codable", "printedName": "Codable", "usr": "s:x"})


@needs_tool("swift")
@pytest.mark.parametrize("change", [remove, retype, forget_case, forget_conformance], ids=lambda c: c.__name__)
def test_a_break_needs_another_minor_version(known, change):
    edit(known, change)
    for action in ("check", "write"):
        status, text = check(known, action)
        assert status == 1 and "raise the minor version" in text and "make api" in text

    def age(content, named):
        content["version"] = "0.1.9"

    edit(known, age)
    assert check(known) == (0, "")


@needs_tool("swift")
def test_an_enumeration_that_may_grow_does(known):
    def change(content, named):
        _, child = named["LockError"]
        child["children"].pop()

    edit(known, change)
    assert check(known) == (0, "")


@needs_tool("swift")
def test_what_is_new_is_to_be_listed(known):
    listing = known / "public.txt"
    text = listing.read_text()
    lines = text.splitlines(keepends=True)
    listing.write_text("".join(line for line in lines if "removesFile" not in line))
    status, told = check(known)
    assert status == 1 and "+ Locking  FileLock.removesFile" in told and "make api" in told
    assert check(known, "write") == (0, "")
    assert listing.read_text() == text
