"""epochctl verify: it proves what is right, and refuses everything else with its code."""
import json
import os
import re
import shutil
import stat

import pytest
from harness import EPOCHCTL, ctl, run
from nacl.signing import SigningKey
from worlds import STT, damage, in_copy, key_of, message, replacing, reseal


def test_verify_lkg_proves_it(world):
    result = world.ctl("verify", "lkg", check=0)
    assert re.match(r"verified: HMAC [0-9a-f]{16}, signatures of key [0-9a-f]{16}\nepoch 8, generation 1, "
                    + world.commits[8] + r", 5 services, written \d{4}-", result.stdout)
    snapshot = world.daemon.state / "config.lkg.json"
    assert world.ctl("verify", "lkg", snapshot, check=0).stdout == result.stdout
    assert world.ctl("verify", "lkg", "-", stdin=snapshot.read_text(), check=0).stdout == result.stdout
    told = json.loads(world.ctl("verify", "lkg", "--json", check=0).stdout)
    assert told == {"verified": True, "code": None, "message": result.stdout[:-1]}


@pytest.mark.parametrize(("old", "new", "code"), [
    (b'\\"rate\\":7', b'\\"rate\\":8', "lkg-bad-mac"),
    (b'"epoch":8', b'"epoch":9', "lkg-bad-mac"),
    (b'"algorithm":"hmac-sha256"', b'"algorithm":"hmac-md5"', "lkg-bad-mac"),
    (b'"hmac":"', b'"hmax":"', "lkg-form"),
    (b'"}\n', b'"}\n\n', "lkg-form"),
], ids=["value", "epoch", "algorithm", "tail", "end"])
def test_verify_lkg_refuses_damage(world, copy, old, new, code):
    path = copy / "config.lkg.json"
    if not path.read_bytes().endswith(b"\n"):
        path.write_bytes(path.read_bytes() + b"\n")
    damage(path, old, new)
    said = in_copy(world, copy, "verify", "lkg", check=1).stdout
    assert re.fullmatch(rf"NOT verified: .* \[{code}\]\n", said)
    assert json.loads(in_copy(world, copy, "verify", "lkg", "--json", check=1).stdout) == {"verified": False, "code": code, "message": said[:-1]}


@pytest.mark.parametrize("size", [0, 1, 100, -1, -2, -80])
def test_verify_lkg_refuses_a_file_that_was_cut(world, copy, size):
    path = copy / "config.lkg.json"
    data = path.read_bytes().rstrip(b"\n")
    path.write_bytes(data[:size])
    assert "[lkg-form]" in in_copy(world, copy, "verify", "lkg", check=1).stdout


@pytest.mark.parametrize(("change", "code"), [
    (replacing(b'\\"rate\\":7', b'\\"rate\\":8'), "lkg-bad-sig"),
    (replacing(b'"epoch":8', b'"epoch":9'), "lkg-bad-sig"),
    (replacing(b'"generation":1,"head"', b'"generation":2,"head"'), "lkg-bad-sig"),
    (lambda body: re.sub(rb'"router":"(?:[^"\\]|\\.)*",', b"", body), "lkg-bad-sig"),
    (lambda body: re.sub(rb'"host":"[^"]*"', b'"host":"elsewhere"', body), "lkg-wrong-host"),
    (replacing(b'"source":"config-manager"', b'"source":"other"'), "lkg-wrong-host"),
    (replacing(b'"format":1,"generation":1,"head"', b'"format":2,"generation":1,"head"'), "format-newer"),
], ids=["value", "epoch", "generation", "service", "host", "source", "format"])
def test_verify_lkg_sees_through_a_forgery_with_the_stolen_hmac_key(world, copy, change, code):
    reseal(copy, change)
    assert f"[{code}]" in in_copy(world, copy, "verify", "lkg", check=1).stdout


def test_verify_lkg_says_what_kept_it_from_judging(world, copy, tmp_path):
    (copy / "config.lkg.json").unlink()
    gone = in_copy(world, copy, "verify", "lkg", check=3)
    assert "config.lkg.json" in gone.stderr and "[system]" in gone.stderr
    (copy / "keys/lkg.key").unlink()
    assert "[key-file]" in in_copy(world, copy, "verify", "lkg", world.daemon.state / "config.lkg.json", check=3).stderr
    assert "'/nowhere'" in world.ctl("verify", "lkg", "/nowhere", check=3).stderr


def test_verify_journal_proves_it(world, copy):
    lines = len(world.daemon.journal())
    result = world.ctl("verify", "journal", check=0).stdout
    wanted = rf"verified: {lines} lines, HMAC [0-9a-f]{{16}}, chain whole\nlast line {lines}, sha256 [0-9a-f]{{64}}\n"
    assert re.fullmatch(wanted + r"the snapshot was made after line \d+\n", result)
    one_file = in_copy(world, copy, "verify", "journal", world.daemon.state / "journal.jsonl", check=0).stdout
    assert re.fullmatch(wanted, one_file) and result.startswith(one_file)
    with open(copy / "journal.jsonl", "ab") as journal:
        journal.write(b'{"seq":99,"pr')
    assert "behind it 13 bytes of a line that was never finished" in in_copy(world, copy, "verify", "journal", check=0).stdout


@pytest.mark.parametrize(("change", "words"), [
    (lambda lines: [lines[0].replace(b'"kind":"baseline"', b'"kind":"baselinf"'), *lines[1:]], "journal.jsonl:1:1: "),
    (lambda lines: [*lines[:3], *lines[4:]], "journal.jsonl:4:1: "),
    (lambda lines: [lines[1], lines[0], *lines[2:]], "journal.jsonl:1:1: "),
    (lambda lines: [*lines[:-2], lines[-2][:-5] + (b"1" if lines[-2][-5:-4] == b"0" else b"0") + lines[-2][-4:], lines[-1]], "journal.jsonl:"),
    (lambda lines: [*lines[:2], b"", *lines[2:]], "journal.jsonl:3:1: "),
    (lambda lines: [*lines, lines[-1]], "journal.jsonl:"),
], ids=["changed", "missing", "swapped", "mac", "blank", "twice"])
def test_verify_journal_refuses_damage(world, copy, change, words):
    path = copy / "journal.jsonl"
    lines = path.read_bytes().rstrip(b"\0").splitlines()
    path.write_bytes(b"".join(line + b"\n" for line in change(lines)))
    result = in_copy(world, copy, "verify", "journal", check=1)
    assert result.stdout.startswith("NOT verified: ") and words in result.stdout and "[journal-corrupt]" in result.stdout


def test_f24__verify_journal_misses_the_lines_that_the_snapshot_knows(world, copy):
    path = copy / "journal.jsonl"
    lines = path.read_bytes().rstrip(b"\0").splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:2]))
    assert "chain whole" in in_copy(world, copy, "verify", "journal", path, check=0).stdout  # by itself the file is sound
    result = in_copy(world, copy, "verify", "journal", check=1).stdout
    assert "and the journal ends at line 2: its end was cut off [journal-corrupt]" in result
    (copy / "config.lkg.json").unlink()
    assert "snapshot" not in in_copy(world, copy, "verify", "journal", check=0).stdout


@pytest.mark.parametrize(("make", "kind"), [
    (os.mkfifo, "a FIFO"), (os.mkdir, "a folder"), (lambda path: os.symlink("/etc/passwd", path), "a symbolic link"),
    (lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)), "a device"),
], ids=["fifo", "folder", "link", "device"])
@pytest.mark.parametrize(("what", "name"), [("lkg", "config.lkg.json"), ("journal", "journal.jsonl")])
def test_verify_says_what_is_no_file_and_does_not_wait_for_it(world, copy, make, kind, what, name):
    if kind == "a device" and os.geteuid() != 0:
        pytest.skip("a device can be made by root alone")
    (copy / name).unlink()
    make(copy / name)
    for words in ([what], [what, copy / name]):
        result = in_copy(world, copy, "verify", *words)
        assert result.returncode in (1, 3) and kind in result.stdout + result.stderr, result


def test_verify_journal_says_what_kept_it_from_judging(world, copy, tmp_path):
    assert "there is no journal 'journal-7.jsonl'" in world.ctl("verify", "journal", "journal-7.jsonl", check=3).stderr
    assert "/nowhere" in world.ctl("verify", "journal", "/nowhere/journal.jsonl", check=3).stderr
    (copy / "keys/journal.key").unlink()
    assert "[key-file]" in in_copy(world, copy, "verify", "journal", check=3).stderr


@pytest.mark.parametrize(("name", "words"), [
    ("update", "config.update, signed by key {key} at 2.*\nservice stt-worker, version 7, {commit}\n"),
    ("tombstone", "config.update, signed by key {key} at 2.*\nservice memory-worker, version 8, {tip}, a tombstone\n"),
    ("head", "config.epoch, signed by key {key} at 2.*\nepoch 8, {tip}, 5 services\n"),
    ("keepalive", "config.keepalive, signed by key {key} at 2.*\n"),
    ("keyset", "config.keyset, generation 1, 1 key, signed by a pinned root\n"),
])
def test_verify_message_proves_it(world, tmp_path, name, words):
    key = json.loads(world.update)["key_id"]
    wanted = "verified: " + words.format(key=key, commit=world.commits[7], tip=world.commits[8])
    raw = message(world, name)
    assert re.fullmatch(wanted, world.ctl("verify", "message", stdin=raw, check=0).stdout)
    assert re.fullmatch(wanted, world.ctl("verify", "message", "-", stdin=raw + "\r\n", check=0).stdout)
    (tmp_path / "message.json").write_text(raw)
    assert re.fullmatch(wanted, world.ctl("verify", "message", "message.json", cwd=tmp_path, check=0).stdout)
    piped = run("bash", "-c", f'"{EPOCHCTL}" verify message <(printf %s "$1")', "bash", raw, **world.daemon.settings)
    assert re.fullmatch(wanted, piped.stdout), piped.stderr


def sign(world, **members):
    """The update with other members, signed by the publisher's own key."""
    body = json.loads(world.update)
    del body["signature"]
    body.update(members)
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signature = SigningKey(key_of(world.keys / "signing.key")).sign(text).signature.hex()
    return (text[:-1] + f',"signature":"{signature}"}}'.encode()).decode()


def test_the_tests_own_signature_is_right(world):
    assert sign(world) == message(world, "update")


@pytest.mark.parametrize(("forge", "code"), [
    (lambda w: message(w, "update").replace('"rate":7', '"rate":8'), "bad-signature"),
    (lambda w: message(w, "update")[:-3] + ("0" if message(w, "update")[-3] != "0" else "1") + message(w, "update")[-2:], "bad-signature"),
    (lambda w: message(w, "head").replace('"epoch":8', '"epoch":9'), "bad-signature"),
    (lambda w: message(w, "keyset").replace('"generation":1', '"generation":2'), "keyset-refused"),
    (lambda w: "", "message-form"),
    (lambda w: "{}", "message-form"),
    (lambda w: message(w, "update")[:-1], "message-form"),
    (lambda w: message(w, "update") + " ", "message-form"),
    (lambda w: "x" * 320 * 1024, "message-form"),
    (lambda w: "x" * (320 * 1024 + 1), "message-too-large"),
    (lambda w: "x" * 5_000_000, "message-too-large"),
    (lambda w: sign(w, key_id="0" * 16), "bad-key-id"),
    (lambda w: sign(w, format=2), "format-newer"),
    (lambda w: sign(w, source="other"), "wrong-source"),
    (lambda w: sign(w, generation=2), "wrong-generation"),
    (lambda w: sign(w, type="config.other"), "wrong-type"),
    (lambda w: sign(w, config=[]), "message-form"),
], ids=["value", "signature", "head", "keyset", "empty", "unsigned", "cut", "blank", "largest", "larger", "huge", "key-id", "format", "source",
        "generation", "type", "form"])
def test_verify_message_refuses(world, forge, code):
    result = world.ctl("verify", "message", stdin=forge(world), check=1)
    assert re.fullmatch(rf"NOT verified: .*\[{code}\]\n", result.stdout), result.stdout


def test_verify_message_by_other_keys_or_of_another_source(world, tmp_path):
    ctl("keys", "init", "--keys", tmp_path / "keys", check=0)
    assert "[bad-signature]" in world.ctl("verify", "message", "--keys", tmp_path / "keys", stdin=message(world, "update"), check=1).stdout
    assert "[keyset-refused]" in world.ctl("verify", "message", "--keys", tmp_path / "keys", stdin=message(world, "keyset"), check=1).stdout
    other = world.ctl("verify", "message", "--source", "other", "--keys", copy_keyset(world, tmp_path), stdin=message(world, "update"), check=1)
    assert "[wrong-source]" in other.stdout


def copy_keyset(world, tmp_path):
    """The same keys under a keyset of another source."""
    keys = tmp_path / "other"
    shutil.copytree(world.keys, keys)
    body = json.loads(world.keyset)
    del body["signature"]
    body["source"] = "other"
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    signature = SigningKey(key_of(keys / "root.key")).sign(text).signature.hex()
    (keys / "keyset.json").write_bytes(text[:-1] + f',"signature":"{signature}"}}'.encode())
    return keys


def test_verify_message_needs_no_state(world, tmp_path):
    result = ctl("verify", "message", "--keys", world.keys, stdin=message(world, "update"), EPOCHD_STATE=str(tmp_path / "never"), check=0)
    assert result.stdout.startswith("verified: config.update")


def test_a_stop_right_after_an_epoch_leaves_its_snapshot(daemon, home):
    home.commit({STT: "rate: 2\n"})
    daemon.committed(2)
    assert daemon.stop() == 0
    assert "\nepoch 2, generation 1, " in daemon.ctl("verify", "lkg", check=0).stdout
