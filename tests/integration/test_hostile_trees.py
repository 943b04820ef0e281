"""The helper itself: what it says it writes is in the repository, byte for byte."""
import subprocess

import pytest

import hostile_trees


@pytest.fixture
def bare(tmp_path):
    subprocess.run(["git", "init", "-q", "--bare", str(tmp_path / "r.git")], check=True)
    return tmp_path / "r.git"


def content(repo, kind, oid):
    return subprocess.run(["git", "-C", str(repo), "cat-file", kind, oid], check=True, capture_output=True).stdout


@pytest.mark.parametrize("case", hostile_trees.ALL)
def test_every_case_is_written_as_it_says(bare, case):
    tree = hostile_trees.services(bare, case)
    commit = hostile_trees.commit_tree(bare, tree)
    assert hostile_trees.git(bare, "rev-parse", "refs/heads/main") == commit
    raw = content(bare, "tree", tree)
    assert raw.startswith(b"40000 services\0")
    services = content(bare, "tree", raw[-20:].hex())
    assert services.startswith(b"100644 good.yaml\0")
    for mode, name, oid in hostile_trees.ALL[case](bare):
        entry = hostile_trees.as_bytes(mode) + b" " + hostile_trees.as_bytes(name) + b"\0" + bytes.fromhex(oid)
        assert entry in services


def test_a_second_commit_stands_on_the_first(bare):
    tree = hostile_trees.root(bare, services=[], epoch_yaml="{}\n")
    first = hostile_trees.commit_tree(bare, tree)
    hostile_trees.commit_tree(bare, tree)
    assert hostile_trees.git(bare, "rev-parse", "main~1") == first
    assert b"100644 epoch.yaml\0" in content(bare, "tree", tree)


def test_the_bomb_is_as_large_as_it_says(bare):
    leaf = hostile_trees.blob(bare, "s.yaml", "a: 1\n")
    tree = hostile_trees.write_tree(bare, [hostile_trees.repeated(bare, 3, 3, leaf)])
    assert len(hostile_trees.git(bare, "ls-tree", "-r", tree).splitlines()) == 27
