"""verify_independent: the stranger accepts what epochd writes (tests/fixtures/vectors) and refuses everything else.

The forgeries here are made with the vectors' own keys, so that each check is reached that stands behind a signature.
"""
import base64
import json
import os
import random
import struct
import subprocess
from pathlib import Path

import pytest
from nacl.signing import SigningKey

import verify_independent as vi
from verify_independent import Refused

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests/fixtures/vectors"
CANONICALIZE = ROOT / os.environ.get("EPOCHD_BUILD", "build") / "tests/interop/canonicalize"

KEYS = json.loads((VECTORS / "keys.json").read_text())
MESSAGES = {name: row["message"].encode() for name, row in json.loads((VECTORS / "messages.json").read_text()).items()}
ROOT_PUBLIC = KEYS["root"]["public"]
OF_SERVICES = [name for name in MESSAGES if name.startswith(("update", "tombstone", "head", "keepalive"))]


def line(kind, name):
    key = KEYS[name]
    raw = bytes.fromhex(key["key"] if kind == "hmac-sha256" else key["public"])
    return f"epochd-{kind}:{key['id']}:{base64.b64encode(raw).decode()}\n"


ROOT_PUB, LKG_KEY, JOURNAL_KEY = (line("ed25519-public", "root"), line("hmac-sha256", "lkg"), line("hmac-sha256", "journal"))


def seal(body, signer):
    """The object in canonical form, signed by a key of the vectors."""
    signed = body if isinstance(body, bytes) else vi.canonicalize(body)
    signature = SigningKey(bytes.fromhex(KEYS[signer]["seed"])).sign(signed).signature
    return signed[:-1] + b',"signature":"' + signature.hex().encode() + b'"}'


def members(name):
    body = json.loads(MESSAGES[name])
    del body["signature"]
    return body


def keyset(generation=1):
    return vi.verify_keyset(MESSAGES[f"keyset-{generation}"], [ROOT_PUBLIC], "config-manager")


def refuses(code):
    return pytest.raises(Refused, match=rf"\[{code}\]$")


# --- canonical JSON --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits, text", [  # RFC 8785, appendix B
    ("0000000000000000", "0"), ("8000000000000000", "0"), ("0000000000000001", "5e-324"),
    ("8000000000000001", "-5e-324"), ("7fefffffffffffff", "1.7976931348623157e+308"),
    ("ffefffffffffffff", "-1.7976931348623157e+308"), ("4340000000000000", "9007199254740992"),
    ("c340000000000000", "-9007199254740992"), ("4430000000000000", "295147905179352830000"),
    ("44b52d02c7e14af5", "9.999999999999997e+22"), ("44b52d02c7e14af6", "1e+23"),
    ("44b52d02c7e14af7", "1.0000000000000001e+23"), ("444b1ae4d6e2ef4e", "999999999999999700000"),
    ("444b1ae4d6e2ef4f", "999999999999999900000"), ("444b1ae4d6e2ef50", "1e+21"),
    ("3eb0c6f7a0b5ed8c", "9.999999999999997e-7"), ("3eb0c6f7a0b5ed8d", "0.000001"),
    ("41b3de4355555553", "333333333.3333332"), ("41b3de4355555554", "333333333.33333325"),
    ("41b3de4355555555", "333333333.3333333"), ("41b3de4355555556", "333333333.3333334"),
    ("41b3de4355555557", "333333333.33333343"), ("becbf647612f3696", "-0.0000033333333333333333"),
    ("43143ff3c1cb0959", "1424953923781206.2"),
])
def test_number_is_written_as_in_rfc_8785(bits, text):
    assert vi.canonical_number(struct.unpack(">d", bytes.fromhex(bits))[0]) == text


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_number_that_json_has_not_is_refused(value):
    with refuses("message-form"):
        vi.canonicalize([value])


def test_names_are_sorted_by_utf_16():
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]  # RFC 8785 §3.2.3
    in_order = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(vi.canonicalize(dict.fromkeys(names)))) == in_order


def test_strings_are_escaped_as_little_as_can_be():
    assert vi.canonicalize("€$\x0f\nA'B\"\\\\\"/\x7f\b\t\f\r") == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f\\b\\t\\f\\r"'.encode()


def random_value(source, depth):
    kinds = ["null", "bool", "int", "double", "string"] + (["array", "object"] * 2 if depth > 0 else [])
    match source.choice(kinds):
        case "null":
            return None
        case "bool":
            return source.random() < 0.5
        case "int":
            return source.randint(-vi.INTEGER_MAX, vi.INTEGER_MAX) >> source.randint(0, 53)
        case "double":
            return source.choice([-1, 1]) * source.random() * 10.0 ** source.randint(-300, 14)
        case "string":
            return random_string(source)
        case "array":
            return [random_value(source, depth - 1) for _ in range(source.randint(0, 4))]
    return {random_string(source): random_value(source, depth - 1) for _ in range(source.randint(0, 5))}


def random_string(source):
    planes = [(1, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF)]
    return "".join(chr(source.randint(*source.choice(planes))) for _ in range(source.randint(0, 6)))


def test_canonical_form_is_the_same_as_epochd_s():
    assert CANONICALIZE.exists(), f"{CANONICALIZE} is not built"
    source = random.Random(8785)
    value = [random_value(source, 5) for _ in range(3000)]
    text = json.dumps(value).encode()  # every non-ASCII character escaped, members in no order
    ours = subprocess.run([str(CANONICALIZE)], input=text, capture_output=True, timeout=300, check=False)
    assert ours.returncode == 0, ours.stderr.decode()
    assert ours.stdout == vi.canonicalize(value)


# --- keys and keysets ------------------------------------------------------------------------------------------------


def test_keyset_is_accepted_from_its_root():
    assert [key["id"] for key in keyset()["keys"]] == [KEYS["signing-1"]["id"]]
    assert keyset(2)["generation"] == 2


def test_keyset_is_accepted_from_any_pinned_root():
    for roots in ([KEYS["instance"]["public"], ROOT_PUBLIC], [ROOT_PUBLIC, KEYS["instance"]["public"]]):
        assert vi.verify_keyset(MESSAGES["keyset-1"], roots)["generation"] == 1


def test_keyset_is_refused_from_anybody_else():
    with refuses("keyset-refused"):
        vi.verify_keyset(MESSAGES["keyset-1"], [KEYS["instance"]["public"]])
    with refuses("keyset-refused"):
        vi.verify_keyset(seal(members("keyset-1"), "signing-1"), [ROOT_PUBLIC])
    with refuses("wrong-source"):
        vi.verify_keyset(MESSAGES["keyset-1"], [ROOT_PUBLIC], "somebody-else")


ROW = {"id": KEYS["signing-1"]["id"], "public": KEYS["signing-1"]["public"]}
OTHER = {"id": KEYS["signing-2"]["id"], "public": KEYS["signing-2"]["public"]}


@pytest.mark.parametrize("change", [
    {"keys": []}, {"keys": [ROW] * 9}, {"keys": [ROW, ROW]}, {"keys": [OTHER, ROW]}, {"keys": None}, {"keys": ["x"]},
    {"keys": [ROW | {"id": OTHER["id"]}]}, {"keys": [{"id": KEYS["root"]["id"], "public": ROOT_PUBLIC}]},
    {"keys": [ROW | {"public": ROW["public"].upper()}]}, {"type": "config.epoch"}, {"key_id": OTHER["id"]},
    {"generation": -1}, {"generation": True}, {"format": True}, {"timestamp": "2026-11-21T03:23:20Z"},
], ids=str)
def test_keyset_in_another_form_is_refused(change):
    with refuses("keyset-refused"):
        vi.verify_keyset(seal(members("keyset-1") | change, "root"), [ROOT_PUBLIC])


@pytest.mark.parametrize("text", [
    "", ROOT_PUB[:-2], ROOT_PUB + "\n", ROOT_PUB.replace("public", "secret"), ROOT_PUB.replace(":3", ":4", 1),
    ROOT_PUB.replace("epochd", "Epochd"), ROOT_PUB.replace("=", ""), ROOT_PUB.replace("\n", "\r\n"),
])
def test_key_line_in_another_form_is_refused(text):
    with refuses("key-file"):
        vi.read_roots([text])


# --- messages --------------------------------------------------------------------------------------------------------


def keyset_of(name):
    return keyset(json.loads(MESSAGES[name])["generation"])


@pytest.mark.parametrize("name", OF_SERVICES)
def test_message_is_accepted(name):
    assert vi.verify_message(MESSAGES[name], keyset_of(name)) == members(name)


@pytest.mark.parametrize("name", OF_SERVICES)
def test_message_is_refused_with_any_bit_changed(name):
    raw = bytearray(MESSAGES[name])
    for at in range(len(raw)):
        raw[at] ^= 1
        with pytest.raises(Refused):
            vi.verify_message(bytes(raw), keyset_of(name))
        raw[at] ^= 1


@pytest.mark.parametrize("name", OF_SERVICES)
def test_message_is_refused_when_cut(name):
    for size in range(len(MESSAGES[name])):
        with refuses("message-form"):
            vi.verify_message(MESSAGES[name][:size], keyset_of(name))


UPDATE = "update-router-411"


@pytest.mark.parametrize("change, code", [
    ({"format": 2}, "format-newer"), ({"format": 0}, "message-form"), ({"source": "somebody-else"}, "wrong-source"),
    ({"generation": 2}, "wrong-generation"), ({"key_id": KEYS["root"]["id"]}, "bad-key-id"),
    ({"type": "config.index"}, "wrong-type"), ({"type": "config.keyset"}, "wrong-type"), ({"type": None}, "message-form"),
    ({"service": "Router"}, "message-form"), ({"version": -1}, "message-form"), ({"version": 1.5}, "message-form"),
    ({"version": "411"}, "message-form"), ({"config": []}, "message-form"), ({"config_epoch": "4f2c"}, "message-form"),
    ({"schema": "x"}, "message-form"), ({"correlation_id": ""}, "message-form"), ({"correlation_id": "a b"}, "message-form"),
    ({"timestamp": "2026-11-21T03:23:22.12Z"}, "message-form"),
], ids=str)
def test_signed_message_that_says_something_else_is_refused(change, code):
    with refuses(code):
        vi.verify_message(seal(members(UPDATE) | change, "signing-1"), keyset())


@pytest.mark.parametrize("name", members(UPDATE))
def test_signed_message_without_a_member_is_refused(name):
    body = members(UPDATE)
    del body[name]
    with refuses("message-form"):
        vi.verify_message(seal(body, "signing-1"), keyset())


def test_unknown_member_is_ignored():
    assert vi.verify_message(seal(members(UPDATE) | {"later": [1]}, "signing-1"), keyset())["later"] == [1]


@pytest.mark.parametrize("make", [
    lambda signed: signed.replace(b'"version":411', b'"version": 411'), lambda signed: signed.replace(b'411', b'411.0'),
    lambda signed: signed.replace(b'"version":411', b'"version":411,"version":411'),
    lambda signed: signed.replace(b'"router"', b'"\\u0072outer"'), lambda signed: b" " + signed,
    lambda signed: signed.replace(b'"routes":{}', b'"routes":9007199254740992'),
    lambda signed: signed.replace(b'"routes":{}', b'"routes":NaN'),
    lambda signed: signed.replace(b'"routes":{}', b'"routes":"\\ud800"'),
    lambda signed: signed.replace(b'"routes":{}', b'"routes":"\xff"'),
    lambda signed: signed.replace(b'"routes":{}', b'"routes":' + 100_000 * b'[' + 100_000 * b']'),
    lambda signed: b"[1}", lambda signed: b"}",
])
def test_signed_bytes_in_another_spelling_are_refused(make):
    signed = vi.canonicalize(members(UPDATE))
    assert make(signed) != signed
    with refuses("message-form"):
        vi.verify_message(seal(make(signed), "signing-1"), keyset())


def test_message_for_somebody_else_is_refused():
    with refuses("wrong-service"):
        vi.verify_message(MESSAGES[UPDATE], keyset(), "config.update", service="stt-worker")
    with refuses("wrong-type"):
        vi.verify_message(MESSAGES[UPDATE], keyset(), "config.epoch")
    with refuses("wrong-source"):
        vi.verify_message(MESSAGES[UPDATE], keyset(), source="somebody-else")


def test_message_is_refused_by_the_next_keyset():
    with refuses("bad-signature"):
        vi.verify_message(MESSAGES[UPDATE], keyset(2))


def test_size_is_judged_before_the_signature():
    body = members(UPDATE) | {"config": {"text": ""}}
    body["config"]["text"] = "x" * (vi.MESSAGE_MAX - len(seal(body, "signing-1")))
    raw = seal(body, "signing-1")
    assert len(raw) == vi.MESSAGE_MAX
    assert vi.verify_message(raw, keyset())["config"] == body["config"]
    with refuses("message-too-large"):
        vi.verify_message(raw + b"x", keyset())


@pytest.mark.parametrize("epoch", [411, 412])
def test_digest_of_the_index_is_that_of_the_head(epoch):
    services = json.loads(MESSAGES[f"index-{epoch}"])["services"]
    digest = vi.index_digest({name: (row["version"], row["sha256"]) for name, row in services.items()})
    assert digest == members(f"head-{epoch}")["index"]


# --- the snapshot ----------------------------------------------------------------------------------------------------

SNAPSHOT = (VECTORS / "config.lkg.json").read_bytes()


def seal_mac(sealed, name):
    mac = vi.hmac.digest(bytes.fromhex(KEYS[name]["key"]), sealed, "sha256")
    return sealed[:-1] + b',"hmac":"' + mac.hex().encode() + b'"}'


def snapshot_with(change):
    """A snapshot whose HMAC is right, by somebody who holds its key."""
    whole = json.loads(SNAPSHOT)
    del whole["hmac"]
    change(whole["payload"])
    return seal_mac(json.dumps(whole, separators=(",", ":"), ensure_ascii=False).encode(), "lkg")


def verify_snapshot(tmp_path, raw, key=LKG_KEY, roots=(ROOT_PUB,)):
    path = tmp_path / "config.lkg.json"
    path.write_bytes(raw)
    return vi.verify_snapshot(path, key, roots)


def test_snapshot_is_accepted(tmp_path):
    payload = verify_snapshot(tmp_path, SNAPSHOT)
    assert payload["epoch"] == 412
    assert payload["services"]["stt-worker"] == members("update-stt-worker-412")
    assert verify_snapshot(tmp_path, SNAPSHOT.rstrip(b"\n") + b"\n") == payload
    assert verify_snapshot(tmp_path, snapshot_with(lambda payload: None)) == payload


def test_snapshot_of_a_stranger_is_refused(tmp_path):
    with refuses("lkg-bad-mac"):
        verify_snapshot(tmp_path, SNAPSHOT, key=JOURNAL_KEY)
    with refuses("lkg-bad-sig"):
        verify_snapshot(tmp_path, SNAPSHOT, roots=[line("ed25519-public", "instance")])
    with refuses("key-file"):
        verify_snapshot(tmp_path, SNAPSHOT, roots=[])


def test_snapshot_is_refused_with_any_byte_changed_or_missing(tmp_path):
    whole = SNAPSHOT.rstrip(b"\n")
    for at in range(0, len(whole), 7):
        with pytest.raises(Refused):
            verify_snapshot(tmp_path, whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
        with refuses("lkg-form"):
            verify_snapshot(tmp_path, whole[:at])


def replace(name, value):
    return lambda payload: payload.update({name: value})


def replace_service(name, message):
    return lambda payload: payload["services"].update({name: message.decode()})


@pytest.mark.parametrize("change, code", [
    (replace("format", 2), "format-newer"), (replace("epoch", "412"), "lkg-form"), (replace("journal", {}), "lkg-form"),
    (replace("services", {"router": 1}), "lkg-form"), (replace("epoch", 413), "lkg-bad-sig"),
    (replace("generation", 2), "lkg-bad-sig"), (replace("offset", 1), "lkg-bad-sig"),
    (replace("config_epoch", "0" * 40), "lkg-bad-sig"), (replace("source", "somebody-else"), "lkg-bad-sig"),
    (replace("index", MESSAGES["index-411"].decode()), "lkg-bad-sig"),
    (replace("head", MESSAGES["head-411"].decode()), "lkg-bad-sig"),
    (replace("keyset", MESSAGES["keyset-2"].decode()), "lkg-bad-sig"), (replace("services", {}), "lkg-bad-sig"),
    (replace_service("stt-worker", MESSAGES["update-stt-worker-411"]), "lkg-bad-sig"),
    (replace_service("router", MESSAGES[UPDATE]), "lkg-bad-sig"),
    (replace_service("stt-worker", seal(members("update-stt-worker-412") | {"config": {}}, "instance")), "lkg-bad-sig"),
    (replace_service("stt-worker", MESSAGES["update-tts-worker-411"]), "lkg-bad-sig"),
])
def test_snapshot_forged_with_its_hmac_key_is_refused(tmp_path, change, code):
    with refuses(code):
        verify_snapshot(tmp_path, snapshot_with(change))


def put_services(payload, services):
    """These messages, and the index that goes with them."""
    payload["services"] = {name: message.decode() for name, message in services.items()}
    rows = {name: {"sha256": vi.sha256(message).hex(), "version": json.loads(message)["version"]}
            for name, message in services.items()}
    payload["index"] = vi.canonicalize(json.loads(payload["index"]) | {"services": rows}).decode()
    return {name: (row["version"], row["sha256"]) for name, row in rows.items()}


def test_snapshot_with_old_but_signed_services_is_refused(tmp_path):
    def change(payload):
        services = {name: message.encode() for name, message in payload["services"].items()}
        put_services(payload, services | {"stt-worker": MESSAGES["update-stt-worker-411"]})

    with refuses("lkg-bad-sig"):
        verify_snapshot(tmp_path, snapshot_with(change))


@pytest.mark.parametrize("config, count, is_good", [({}, 1, True), (None, 1, False), ({}, 2, False)])
def test_snapshot_holds_services_in_force_and_all_of_them(tmp_path, config, count, is_good):
    """Even where the publisher's own key has signed the head."""

    def change(payload):
        update = seal(members("update-stt-worker-412") | {"config": config}, "signing-1")
        digests = put_services(payload, {"stt-worker": update})
        head = members("head-412") | {"index": vi.index_digest(digests), "services": count}
        payload["head"] = seal(head, "signing-1").decode()

    if is_good:
        assert list(verify_snapshot(tmp_path, snapshot_with(change))["services"]) == ["stt-worker"]
    else:
        with refuses("lkg-bad-sig"):
            verify_snapshot(tmp_path, snapshot_with(change))


# --- the journal -----------------------------------------------------------------------------------------------------

JOURNAL = (VECTORS / "journal.jsonl").read_bytes().rstrip(b"\0")
LINES = JOURNAL.splitlines(keepends=True)


def verify_journal(tmp_path, raw, key=JOURNAL_KEY):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(raw)
    return vi.verify_journal(path, key)


def joined(bodies):
    """Lines with these members, sealed and chained anew."""
    out, prev = b"", "0" * 64
    for seq, body in enumerate(bodies, 1):
        body = {"seq": seq, "prev": prev} | body | {"key_id": KEYS["journal"]["id"]}
        raw = seal_mac(json.dumps(body, separators=(",", ":")).encode(), "journal")
        out, prev = out + raw + b"\n", vi.sha256(raw).hex()
    return out


BASELINE = {"time": "2026-11-21T03:23:22.123Z", "kind": "baseline", "format": 1, "written_by": "x", "source": "x"}
PUBLISHED = {"time": "2026-11-21T03:23:22.123Z", "kind": "published", "commit": "0" * 40, "epoch": 1}


def test_journal_is_accepted(tmp_path):
    lines, torn = verify_journal(tmp_path, JOURNAL)
    assert ([row["seq"] for row in lines], torn) == (list(range(1, len(LINES) + 1)), 0)
    assert verify_journal(tmp_path, JOURNAL + bytes(4096)) == (lines, 0)
    assert verify_journal(tmp_path, b"") == ([], 0)
    assert len(verify_journal(tmp_path, joined([BASELINE, PUBLISHED, PUBLISHED]))[0]) == 3


def test_journal_of_another_key_is_refused(tmp_path):
    with refuses("journal-corrupt"):
        verify_journal(tmp_path, JOURNAL, key=LKG_KEY)


def test_torn_last_line_is_no_damage(tmp_path):
    before = b"".join(LINES[:-1])
    for size in range(len(LINES[-1])):
        lines, torn = verify_journal(tmp_path, before + LINES[-1][:size] + bytes(100))
        assert (len(lines), torn) == (len(LINES) - 1, size)
    hole = LINES[-1][:50] + bytes(20) + LINES[-1][70:]
    assert verify_journal(tmp_path, before + hole)[1] == len(hole)


def test_damage_before_the_last_line_is_refused(tmp_path):
    for number, raw in enumerate(LINES[:-1]):
        for at in range(0, len(raw), 11):
            damaged = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1:]
            with refuses("journal-corrupt"):
                verify_journal(tmp_path, b"".join(LINES[:number]) + damaged + b"".join(LINES[number + 1:]))


def test_hole_before_a_sound_line_is_refused(tmp_path):
    hole = LINES[-2][:50] + bytes(20) + LINES[-2][70:]
    with refuses("journal-corrupt"):
        verify_journal(tmp_path, b"".join(LINES[:-2]) + hole + LINES[-1])


def test_two_damaged_lines_at_the_end_are_no_torn_line(tmp_path):
    damaged = [raw.replace(b'"seq"', b'"Seq"') for raw in LINES[-2:]]
    assert verify_journal(tmp_path, b"".join(LINES[:-1]) + damaged[1])[1] == len(LINES[-1])
    with refuses("journal-corrupt"):
        verify_journal(tmp_path, b"".join(LINES[:-2] + damaged))


def test_last_line_of_another_key_is_refused(tmp_path):
    foreign = seal_mac(b'{"seq":2,"key_id":"%s"}' % KEYS["lkg"]["id"].encode(), "lkg") + b"\n"
    with refuses("journal-corrupt"):
        verify_journal(tmp_path, LINES[0] + foreign)


def test_line_that_is_missing_doubled_or_moved_is_refused(tmp_path):
    for number in range(1, len(LINES) - 1):
        for lines in (LINES[:number] + LINES[number + 1:], LINES[:number] + LINES[number - 1:],
                      LINES[:number] + [LINES[number + 1], LINES[number]] + LINES[number + 2:]):
            with refuses("journal-corrupt"):
                verify_journal(tmp_path, b"".join(lines))
    with refuses("journal-corrupt"):
        verify_journal(tmp_path, b"".join(LINES[1:3]))


@pytest.mark.parametrize("bodies, code", [
    ([BASELINE | {"format": 2}], "format-newer"), ([PUBLISHED], "journal-corrupt"),
    ([BASELINE | {"kind": "other"}], "journal-corrupt"), ([BASELINE | {"time": "now"}], "journal-corrupt"),
    ([BASELINE, PUBLISHED | {"seq": 3}], "journal-corrupt"), ([BASELINE, PUBLISHED | {"prev": "0" * 64}], "journal-corrupt"),
])
def test_sealed_line_that_does_not_belong_is_refused(tmp_path, bodies, code):
    with refuses(code):
        verify_journal(tmp_path, joined(bodies))


# --- the command line ------------------------------------------------------------------------------------------------


def test_command_line_tells_what_it_saw(tmp_path):
    (tmp_path / "lkg.key").write_text(LKG_KEY)
    (tmp_path / "root.pub").write_text(ROOT_PUB)
    command = ["/usr/bin/python3", vi.__file__, "snapshot", VECTORS / "config.lkg.json", tmp_path / "lkg.key",
               tmp_path / "root.pub"]
    good = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (good.returncode, good.stdout) == (0, "epoch 412 of config-manager: 3 services, all signed\n")
    (tmp_path / "lkg.key").write_text(JOURNAL_KEY)
    bad = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert (bad.returncode, bad.stderr) == (1, "refused: the HMAC is wrong [lkg-bad-mac]\n")
