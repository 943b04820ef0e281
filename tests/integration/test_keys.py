"""epochctl keys: a first set is made, and nothing that is there is touched."""
import json
import os
import stat

import pytest
from harness import Daemon, ctl
from worlds import in_copy, key_of

FILES = {"root.key": 0o600, "signing.key": 0o600, "journal.key": 0o600, "lkg.key": 0o640, "root.pub": 0o644, "keyset.json": 0o644}


def keys(*args, state, **options):
    return ctl("keys", *args, EPOCHD_STATE=str(state), **options)


def test_keys_init_makes_a_first_set_that_the_daemon_takes(tmp_path, home, ends):
    state = tmp_path / "epochd/state"
    state.parent.mkdir()
    made = keys("init", state=state, check=0).stdout
    root = (state / "keys/root.pub").read_text()
    assert made == f"made keys in {state}/keys\nconsumers pin this line (root.pub):\n{root}"
    assert {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state / "keys").iterdir()} == FILES
    before = {path.name: path.read_bytes() for path in (state / "keys").iterdir()}
    assert "are complete; nothing was made" in keys("init", state=state, check=0).stdout
    daemon = ends(Daemon(tmp_path / "epochd", home))
    daemon.committed(1)
    assert {path.name: path.read_bytes() for path in (state / "keys").iterdir()} == before
    assert daemon.ctl("verify", "message", "keys/keyset.json", cwd=state, check=0).stdout.startswith("verified: config.keyset")


def test_keys_init_completes_a_folder_and_keeps_what_is_there(tmp_path):
    state = tmp_path / "state"
    keys("init", state=state, check=0)
    kept = {name: (state / "keys" / name).read_bytes() for name in ("root.key", "journal.key")}
    for name in ("keyset.json", "signing.key", "lkg.key"):
        (state / "keys" / name).unlink()
    assert "made keys in" in keys("init", state=state, check=0).stdout
    assert {name: (state / "keys" / name).read_bytes() for name in kept} == kept
    keys("list", state=state, check=0)


def test_keys_init_elsewhere_leaves_the_state_alone(tmp_path):
    """An empty journal would tell a daemon whose state was lost that all is new."""
    keys("init", "--keys", tmp_path / "other", state=tmp_path / "state", check=0)
    assert (tmp_path / "other/keyset.json").is_file() and not (tmp_path / "state").exists()


def test_keys_init_makes_no_key_over_a_trust_anchor(tmp_path):
    state = tmp_path / "state"
    keys("init", state=state, check=0)
    (state / "keys/signing.key").unlink()
    refused = keys("init", state=state, check=3)
    assert "signing.key" in refused.stderr and refused.stderr.endswith("[key-file]\n")


def test_keys_list_names_files_and_never_a_secret(world):
    text = world.ctl("keys", "list", check=0).stdout
    assert [line.split()[0] for line in text.splitlines()] == ["FILE", *FILES]
    rows = json.loads(world.ctl("keys", "list", "--json", check=0).stdout)
    assert {row["file"]: int(row["mode"], 8) for row in rows} == FILES
    assert all(row["exists"] and row["problem"] is None for row in rows)
    assert {row["file"]: row["key_id"] for row in rows}["signing.key"] == json.loads(world.update)["key_id"]
    for name in ("root.key", "signing.key", "journal.key", "lkg.key"):
        secret = (world.keys / name).read_text().strip().split(":")[2]
        assert secret not in text and key_of(world.keys / name).hex() not in text


@pytest.mark.parametrize(("spoil", "file", "words"), [
    (lambda k: (k / "signing.key").chmod(0o644), "signing.key", "mode 0644, more than 0600"),
    (lambda k: (k / "lkg.key").write_text("nonsense\n"), "lkg.key", "is not one line epochd-hmac-sha256:<key id>:<base64>"),
    (lambda k: (k / "root.pub").write_bytes((k / "root.pub").read_bytes() * 2), "root.pub", "twice"),
    (lambda k: os.link(k / "journal.key", k.parent / "link"), "journal.key", "has 2 hard links"),
    (lambda k: ((k / "lkg.key").unlink(), (k / "lkg.key").symlink_to("/dev/zero")), "lkg.key", "link"),
], ids=["mode", "form", "twice", "links", "symlink"])
def test_keys_list_shows_problems(world, copy, spoil, file, words):
    spoil(copy / "keys")
    text = in_copy(world, copy, "keys", "list", check=1).stdout
    assert [line for line in text.splitlines() if line.startswith(file) and words in line], text
    rows = json.loads(in_copy(world, copy, "keys", "list", "--json", check=1).stdout)
    assert [row["file"] for row in rows if row["problem"]] == [file]


def test_keys_list_shows_what_is_missing(world, copy, tmp_path):
    (copy / "keys/root.key").unlink()
    assert "root.key     ed25519-secret  -                 missing\n" in in_copy(world, copy, "keys", "list", check=0).stdout
    never = keys("list", state=tmp_path / "never", check=3).stderr
    assert f"'{tmp_path}/never/keys'" in never and "What to do: start epochd" in never
