"""vectors: tests/fixtures/vectors is checked with other people's code, PyNaCl and hashlib, from docs/PROTOCOL.md alone; and every
fenced example of that page which is marked as a vector is the same bytes.

The files are made by tests/unit/test_vectors.c.
"""
import hashlib
import hmac
import json
import re
from pathlib import Path

import pytest
from nacl.exceptions import BadSignatureError
from nacl.signing import SigningKey, VerifyKey

ROOT = Path(__file__).resolve().parents[2]
VECTORS = ROOT / "tests/fixtures/vectors"
PROTOCOL = ROOT / "docs/PROTOCOL.md"
SIGNATURE_TAIL, HMAC_TAIL = 144, 75


def load(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


KEYS = load("keys.json")
ROWS = load("messages.json")
MESSAGES = {name: row["message"].encode() for name, row in ROWS.items()}
SIGNED = [name for name, row in ROWS.items() if row["key"]]
JOURNAL = (VECTORS / "journal.jsonl").read_bytes().splitlines()
SNAPSHOT = (VECTORS / "config.lkg.json").read_bytes()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def key_id(raw):
    return sha256(raw)[:16]


def no_duplicates(pairs):
    names = [name for name, _ in pairs]
    assert len(names) == len(set(names))
    return dict(pairs)


def parse(text):
    return json.loads(text, object_pairs_hook=no_duplicates)


def canonical(value):
    """RFC 8785, as far as the vectors go: names of ASCII, numbers whose shortest form Python writes the same way."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def cut(raw, member, tail_len):
    """The bytes that are vouched for, and the value that vouches."""
    tail = re.fullmatch(rb',"%s":"([0-9a-f]+)"\}' % member, raw[-tail_len:])
    assert tail
    return raw[:-tail_len] + b"}", bytes.fromhex(tail[1].decode())


def verify(raw, public):
    signed, signature = cut(raw, b"signature", SIGNATURE_TAIL)
    VerifyKey(public).verify(signed, signature)
    return parse(signed)


def check_hmac(raw, key):
    sealed, mac = cut(raw, b"hmac", HMAC_TAIL)
    assert hmac.compare_digest(hmac.digest(key, sealed, "sha256"), mac)
    return parse(sealed)


def public_of(name):
    return bytes.fromhex(KEYS[name]["public"])


def body(name):
    row = ROWS[name]
    return verify(MESSAGES[name], public_of(row["key"])) if row["key"] else parse(MESSAGES[name])


# --- keys and signatures -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["root", "signing-1", "signing-2", "instance"])
def test_public_key_and_id_follow_from_the_seed(name):
    public = bytes(SigningKey(bytes.fromhex(KEYS[name]["seed"])).verify_key)
    assert public == public_of(name)
    assert KEYS[name]["id"] == key_id(public)


@pytest.mark.parametrize("name", ["journal", "lkg"])
def test_id_of_a_mac_key_follows_from_the_key(name):
    assert KEYS[name]["id"] == key_id(bytes.fromhex(KEYS[name]["key"]))


@pytest.mark.parametrize("name", SIGNED)
def test_message_is_signed_by_the_key_it_names(name):
    assert body(name)["key_id"] == KEYS[ROWS[name]["key"]]["id"]


@pytest.mark.parametrize("name", SIGNED)
def test_signing_again_gives_the_same_bytes(name):
    signed, _ = cut(MESSAGES[name], b"signature", SIGNATURE_TAIL)
    signature = SigningKey(bytes.fromhex(KEYS[ROWS[name]["key"]]["seed"])).sign(signed).signature
    assert signed[:-1] + b',"signature":"' + signature.hex().encode() + b'"}' == MESSAGES[name]


@pytest.mark.parametrize("name", SIGNED)
def test_changed_byte_is_noticed(name):
    raw = bytearray(MESSAGES[name])
    for at in range(len(raw) - SIGNATURE_TAIL):
        raw[at] ^= 1
        signed, signature = cut(bytes(raw), b"signature", SIGNATURE_TAIL)
        with pytest.raises(BadSignatureError):
            VerifyKey(public_of(ROWS[name]["key"])).verify(signed, signature)
        raw[at] ^= 1


@pytest.mark.parametrize("name", list(ROWS))
def test_body_is_canonical(name):
    """The other way to verify: from the parsed object. Re-encoded with its signature at the end it must be the message."""
    value = parse(MESSAGES[name])
    signature = value.pop("signature", None)
    raw = canonical(value)
    if signature:
        raw = raw[:-1] + b',"signature":"' + signature.encode() + b'"}'
    assert raw == MESSAGES[name]


@pytest.mark.parametrize("name", list(ROWS))
def test_digest_is_over_the_whole_message(name):
    assert ROWS[name]["sha256"] == sha256(MESSAGES[name])


# --- what the messages say about each other ------------------------------------------------------------------------------


@pytest.mark.parametrize("name, generation, key", [("keyset-1", 1, "signing-1"), ("keyset-2", 2, "signing-2")])
def test_keyset_lists_the_keys_of_its_generation(name, generation, key):
    keyset = body(name)
    assert keyset["generation"] == generation
    assert keyset["keys"] == [{"id": KEYS[key]["id"], "public": KEYS[key]["public"]}]
    assert KEYS["root"]["id"] not in [entry["id"] for entry in keyset["keys"]]


def index_digest(services):
    buckets = [b""] * 256
    for name in sorted(services):
        line = f"{name} {services[name]['version']} {services[name]['sha256']}\n".encode()
        buckets[hashlib.sha256(name.encode()).digest()[0]] += line
    return buckets, sha256(b"".join(hashlib.sha256(lines).digest() for lines in buckets))


@pytest.mark.parametrize("epoch", [411, 412])
def test_head_binds_the_index(epoch):
    head, index = body(f"head-{epoch}"), body(f"index-{epoch}")
    assert index_digest(index["services"])[1] == head["index"]
    assert len(index["services"]) == head["services"]
    for member in ("epoch", "config_epoch", "source", "format"):
        assert index[member] == head[member]


@pytest.mark.parametrize("epoch", [411, 412])
def test_index_names_each_service_message(epoch):
    for name, entry in body(f"index-{epoch}")["services"].items():
        message = MESSAGES[f"update-{name}-{entry['version']}"]
        assert sha256(message) == entry["sha256"]


def test_steps_of_the_digest_are_as_told():
    steps = load("index-digest.json")
    last = steps.pop("index")
    buckets, digest = index_digest(body("index-412")["services"])
    assert last == {"of": "head-412", "sha256": digest}
    told = {int(name, 16): row for name, row in steps.items()}
    assert {n for n, lines in enumerate(buckets) if lines} == set(told)
    for number, row in told.items():
        assert row == {"lines": buckets[number].decode(), "sha256": sha256(buckets[number])}


def test_head_names_its_parent_and_what_changed():
    first, second = body("head-411"), body("head-412")
    assert first["parent"] is None
    assert second["parent"] == {"epoch": 411, "sha256": sha256(MESSAGES["head-411"])}
    before, after = body("index-411")["services"], body("index-412")["services"]
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert second["changed"] == dict.fromkeys(changed, 412)


def test_keepalive_names_the_head():
    assert body("keepalive-412")["head"] == sha256(MESSAGES["head-412"])


def test_new_keys_sign_the_same_configuration():
    old, new = body("update-stt-worker-412"), body("update-stt-worker-412-generation-2")
    for member in ("config", "version", "config_epoch", "correlation_id", "service", "schema"):
        assert old[member] == new[member]
    assert (old["generation"], new["generation"]) == (1, 2)


@pytest.mark.parametrize("name", list(ROWS))
def test_topic_is_that_of_the_type(name):
    value = parse(MESSAGES[name])
    topic = {
        "config.update": "system/config/{service}", "config.epoch": "system/epoch/{source}",
        "config.index": "system/index/{source}", "config.keyset": "system/keys/{source}",
        "config.keepalive": "system/keepalive/{source}", "config.ack": "system/ack/{service}/{instance}",
    }[value["type"]]
    assert ROWS[name]["topic"] == topic.format(**value)


# --- journal and snapshot ------------------------------------------------------------------------------------------------


def test_journal_is_sealed_and_chained():
    key = bytes.fromhex(KEYS["journal"]["key"])
    previous = "0" * 64
    for number, raw in enumerate(JOURNAL, 1):
        line = check_hmac(raw, key)
        assert (line["seq"], line["prev"], line["key_id"]) == (number, previous, KEYS["journal"]["id"])
        assert list(line)[:4] == ["seq", "prev", "time", "kind"]
        previous = sha256(raw)


def test_journal_has_a_line_of_each_kind():
    kinds = [parse(raw)["kind"] for raw in JOURNAL]
    assert kinds[0] == "baseline"
    assert set(kinds) == {"baseline", "committed", "published", "superseded", "rejected", "rewrite", "keyset", "checkpoint"}


def test_journal_holds_the_exact_messages():
    for line in (parse(raw) for raw in JOURNAL):
        if line["kind"] == "committed":
            assert line["head"].encode() == MESSAGES[f"head-{line['epoch']}"]
            for name, message in line["services"].items():
                config = parse(message)["config"]
                kind = "tombstone" if config is None else "update"
                assert message.encode() == MESSAGES[f"{kind}-{name}-{line['epoch']}"]
        if line["kind"] == "keyset":
            assert line["keyset"].encode() == MESSAGES["keyset-2"]


def test_snapshot_is_sealed_and_holds_what_was_signed():
    whole = check_hmac(SNAPSHOT, bytes.fromhex(KEYS["lkg"]["key"]))
    assert list(whole) == ["payload", "algorithm", "key_id"]
    assert (whole["algorithm"], whole["key_id"]) == ("hmac-sha256", KEYS["lkg"]["id"])
    payload = whole["payload"]
    keyset = verify(payload["keyset"].encode(), public_of("root"))
    public = bytes.fromhex(keyset["keys"][0]["public"])
    head = verify(payload["head"].encode(), public)
    services = {name: verify(message.encode(), public) for name, message in payload["services"].items()}
    digests = {
        name: {"sha256": sha256(payload["services"][name].encode()), "version": service["version"]}
        for name, service in services.items()
    }
    assert index_digest(digests)[1] == head["index"]
    assert payload["index"].encode() == MESSAGES["index-412"]
    for member in ("epoch", "config_epoch", "generation", "offset", "source"):
        assert payload[member] == head[member]


def test_snapshot_names_its_place_in_the_journal():
    place = parse(SNAPSHOT)["payload"]["journal"]
    assert place["sha256"] == sha256(JOURNAL[place["seq"] - 1])


# --- the page --------------------------------------------------------------------------------------------------------------


FENCE = re.compile(r"^```\w+ vector=(\S+)\n(.*?)^```$", re.M | re.S)


def vector(name):
    """Bytes of a vector as the page shows it: messages and lines without a final newline, files as they are."""
    if name in MESSAGES:
        return MESSAGES[name] + b"\n"
    if name.startswith("journal-"):
        return JOURNAL[int(name.removeprefix("journal-")) - 1] + b"\n"
    if name.startswith("bucket-"):
        return load("index-digest.json")[name.removeprefix("bucket-")]["lines"].encode()
    return (VECTORS / name).read_bytes()


EXAMPLES = FENCE.findall(PROTOCOL.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name, text", EXAMPLES, ids=[name for name, _ in EXAMPLES])
def test_example_on_the_page_is_the_vector(name, text):
    assert text.encode() == vector(name)


def test_page_shows_each_type():
    shown = {parse(MESSAGES[name])["type"] for name, _ in EXAMPLES if name in MESSAGES}
    assert shown == {parse(message)["type"] for message in MESSAGES.values()}


def test_each_digest_on_the_page_is_of_a_vector():
    """Digests and key ids in the running text are those of the files."""
    text = FENCE.sub("", PROTOCOL.read_text(encoding="utf-8"))
    known = "".join(path.read_text(encoding="utf-8") for path in VECTORS.iterdir()) + sha256(b"")
    for digits in re.findall(r"\b(?:[0-9a-f]{64}|[0-9a-f]{16})\b", text):
        assert digits in known
