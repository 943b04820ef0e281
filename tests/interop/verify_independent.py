#!/usr/bin/python3
"""Verifies what epochd publishes and writes, with nothing of epochd: an Ed25519 library (PyNaCl) and Python's own.

It follows docs/PROTOCOL.md, and is meant to be read: this is what a stranger has to do, in the order in which it has to be
done. Every function raises Refused, with a stable code and the reason, for whatever does not verify.

    verify_independent.py keyset   FILE root.pub
    verify_independent.py message  FILE KEYSET-FILE root.pub
    verify_independent.py snapshot FILE lkg.key root.pub
    verify_independent.py journal  FILE journal.key
"""
import base64
import binascii
import hashlib
import hmac
import json
import math
import re
import sys
from pathlib import Path

from nacl.exceptions import CryptoError
from nacl.signing import VerifyKey

MESSAGE_MAX = 320 * 1024
KEYSET_MAX = ROOTS_MAX = 8
FORMAT = 1
INTEGER_MAX = 2**53 - 1

HEX_16, HEX_40, HEX_64 = (re.compile(r"[0-9a-f]{%d}" % n) for n in (16, 40, 64))
NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
CORRELATION_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", re.ASCII)
INTEGER = range(INTEGER_MAX + 1)


class Refused(Exception):
    def __init__(self, code, reason):
        super().__init__(f"{reason} [{code}]")
        self.code = code


def sha256(data):
    return hashlib.sha256(data).digest()


def key_id(raw):
    """Of an Ed25519 key: over the 32 bytes of its public half. Of an HMAC key: over its 32 bytes."""
    return sha256(raw).hex()[:16]


# --- JSON: RFC 8785 out, strict in -----------------------------------------------------------------------------------


def canonical_number(value):
    """As ECMAScript writes it. repr() finds the same shortest digits; only where the point goes is told differently."""
    if isinstance(value, int):
        return str(value)
    if not math.isfinite(value):
        raise Refused("message-form", "JSON has no such number")
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = repr(abs(value)).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)  # where the point is, counted from the first digit
    digits = whole + fraction
    point -= len(digits) - len(digits.lstrip("0"))
    digits = digits.strip("0")
    if len(digits) <= point <= 21:
        return sign + digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return sign + digits[:point] + "." + digits[point:]
    if -6 < point <= 0:
        return sign + "0." + "0" * -point + digits
    tail = "." + digits[1:] if len(digits) > 1 else ""
    return f"{sign}{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def canonical_text(value):
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return canonical_number(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(map(canonical_text, value)) + "]"
    # Names go by their UTF-16 code units, which is not the order of their code points.
    names = sorted(value, key=lambda name: name.encode("utf-16-be", "surrogatepass"))
    return "{" + ",".join(canonical_text(name) + ":" + canonical_text(value[name]) for name in names) + "}"


def canonicalize(value):
    """The one spelling of a JSON value (RFC 8785)."""
    try:
        return canonical_text(value).encode("utf-8")
    except UnicodeEncodeError as error:
        raise Refused("message-form", "half of a surrogate pair") from error
    except RecursionError as error:
        raise Refused("message-form", "nested too deep") from error


def parse(raw, code="message-form"):
    """Refuses what two readers could understand differently."""

    def each_name_once(pairs):
        members = dict(pairs)
        if len(members) != len(pairs):
            raise Refused(code, "a name stands twice in an object")
        return members

    def safe_integer(digits):
        if abs(int(digits)) > INTEGER_MAX:
            raise Refused(code, "an integer beyond 2^53-1")
        return int(digits)

    def refuse_constant(name):
        raise Refused(code, f"{name} is not JSON")

    try:
        return json.loads(raw.decode("utf-8"), object_pairs_hook=each_name_once, parse_int=safe_integer,
                          parse_constant=refuse_constant)
    except (UnicodeDecodeError, ValueError, RecursionError) as error:
        raise Refused(code, "not JSON") from error


def expect(members, forms, code="message-form"):
    """Every name of `forms` is there, with a value of its form: an expression, a range of integers, a type or a constant."""
    if not isinstance(members, dict):
        raise Refused(code, "not an object")
    for name, form in forms.items():
        value = members.get(name)
        if isinstance(form, re.Pattern):
            is_good = isinstance(value, str) and form.fullmatch(value)
        elif isinstance(form, range):
            is_good = type(value) is int and value in form
        elif isinstance(form, (type, tuple)):
            is_good = isinstance(value, form)
        else:
            is_good = type(value) is type(form) and value == form
        if name not in members or not is_good:
            raise Refused(code, f"member {name} is missing or not in its form")


def cut_tail(raw, name, length, code):
    """Cuts `,"<name>":"<hex>"}` off the end and puts `}` back: what is vouched for, and the bytes that vouch."""
    tail = re.compile(rb'(.*),"%s":"([0-9a-f]{%d})"\}' % (name.encode(), 2 * length), re.DOTALL).fullmatch(raw)
    if tail is None:
        raise Refused(code, f"it does not end in {name}")
    return tail[1] + b"}", bytes.fromhex(tail[2].decode())


# --- keys --------------------------------------------------------------------------------------------------------------


def read_key(line, kind):
    """The 32 bytes of `epochd-<kind>:<key_id>:<base64>`."""
    form = re.fullmatch(r"epochd-%s:([0-9a-f]{16}):([A-Za-z0-9+/]{43}=)\n?" % re.escape(kind), line)
    if form is None:
        raise Refused("key-file", f"not a line epochd-{kind}:<key id>:<base64>")
    try:
        raw = base64.b64decode(form[2], validate=True)
    except binascii.Error as error:
        raise Refused("key-file", "not base64") from error
    if base64.b64encode(raw).decode() != form[2] or key_id(raw) != form[1]:
        raise Refused("key-file", f"it says it holds key {form[1]} but holds another")
    return raw


def read_roots(lines):
    """root.pub: one line a pinned key. Gives the public keys in hex, as verify_keyset wants them."""
    lines = list(lines)
    if not 1 <= len(lines) <= ROOTS_MAX:
        raise Refused("key-file", f"root.pub holds 1 to {ROOTS_MAX} lines")
    return [read_key(line, "ed25519-public").hex() for line in lines]


# --- signed messages ------------------------------------------------------------------------------------------------


def open_envelope(raw, public_keys):
    """Size, tail, signature over the raw bytes, and only then the parser. `public_keys` are {id: 64 hex digits}."""
    if len(raw) > MESSAGE_MAX:
        raise Refused("message-too-large", f"more than {MESSAGE_MAX} bytes")
    signed, signature = cut_tail(raw, "signature", 64, "message-form")
    for signer, public in public_keys.items():
        try:
            VerifyKey(bytes.fromhex(public)).verify(signed, signature)
            break
        except CryptoError:
            continue
    else:
        raise Refused("bad-signature", "no valid key made this signature")
    body = parse(signed)
    if not isinstance(body, dict):
        raise Refused("message-form", "not an object")
    if type(body.get("format")) is int and body["format"] > FORMAT:
        raise Refused("format-newer", f"format {body['format']}, {FORMAT} is known here")
    expect(body, {"type": str, "format": FORMAT, "source": NAME, "generation": INTEGER, "key_id": HEX_16,
                  "timestamp": TIMESTAMP})
    if canonicalize(body) != signed:
        raise Refused("message-form", "not in canonical form (RFC 8785)")
    if body["key_id"] != signer:
        raise Refused("bad-key-id", f"it names key {body['key_id']}, but {signer} made the signature")
    return body


def verify_keyset(raw, root_pub_hex_list, source=None):
    """The keyset, if a pinned root key signed it. Gives its members."""
    roots = {key_id(bytes.fromhex(public)): public for public in root_pub_hex_list}
    try:
        keyset = open_envelope(raw, roots)
        expect(keyset, {"type": "config.keyset", "keys": list})
        if not 1 <= len(keyset["keys"]) <= KEYSET_MAX:
            raise Refused("message-form", f"a keyset holds 1 to {KEYSET_MAX} keys")
        for key in keyset["keys"]:
            expect(key, {"id": HEX_16, "public": HEX_64})
            if key_id(bytes.fromhex(key["public"])) != key["id"]:
                raise Refused("message-form", f"key {key['id']} is not the key of that id")
            if key["id"] in roots:
                raise Refused("message-form", f"root key {key['id']} signs nothing else than keysets")
        ids = [key["id"] for key in keyset["keys"]]
        if ids != sorted(set(ids)):
            raise Refused("message-form", "its keys are not sorted by id, each once")
    except Refused as refused:
        if refused.code in ("message-form", "bad-signature", "bad-key-id", "wrong-type"):
            raise Refused("keyset-refused", str(refused)) from refused
        raise
    if source is not None and keyset["source"] != source:
        raise Refused("wrong-source", f"it is from {keyset['source']}, not from {source}")
    return keyset


FORMS = {
    "config.update": {"service": NAME, "version": INTEGER, "config": (dict, type(None)), "config_epoch": HEX_40,
                      "correlation_id": CORRELATION_ID, "schema": (str, type(None))},
    "config.epoch": {"epoch": INTEGER, "config_epoch": HEX_40, "correlation_id": CORRELATION_ID,
                     "parent": (dict, type(None)), "changed": (dict, type(None)), "services": INTEGER, "index": HEX_64,
                     "offset": INTEGER},
    "config.keepalive": {"epoch": INTEGER, "head": HEX_64, "sequence": INTEGER, "ttl_s": INTEGER},
}


def check_members(body):
    expect(body, FORMS[body["type"]])
    if body.get("schema") is not None and not HEX_64.fullmatch(body["schema"]):
        raise Refused("message-form", "member schema is not in its form")
    if body.get("parent") is not None:
        expect(body["parent"], {"epoch": INTEGER, "sha256": HEX_64})
    if body.get("changed") is not None:
        expect(body["changed"], dict.fromkeys(body["changed"], INTEGER))
        if not all(map(NAME.fullmatch, body["changed"])):
            raise Refused("message-form", "member changed names what is no service")


def verify_message(raw, keyset, type=None, source=None, service=None):
    """A message signed by a key of this keyset (what verify_keyset gave). Gives its members.

    `type`, `source` and `service` are what was asked for: a valid message on the wrong topic is refused by them.
    """
    body = open_envelope(raw, {key["id"]: key["public"] for key in keyset["keys"]})
    if body["type"] not in FORMS or type not in (None, body["type"]):
        raise Refused("wrong-type", f"a {body['type']}, not a {type or 'message for consumers'}")
    check_members(body)
    if body["source"] != (source or keyset["source"]):
        raise Refused("wrong-source", f"it is from {body['source']}, not from {source or keyset['source']}")
    if service is not None and body.get("service") != service:
        raise Refused("wrong-service", f"it is for {body.get('service')}, not for {service}")
    if body["generation"] != keyset["generation"]:
        raise Refused("wrong-generation", f"generation {body['generation']}, the keyset's is {keyset['generation']}")
    return body


# --- the digest of the whole ------------------------------------------------------------------------------------------


def index_digest(services):
    """`services` is {name: (version, SHA-256 of its message in hex)}."""
    buckets = [b""] * 256
    for name in sorted(services):
        version, digest = services[name]
        buckets[sha256(name.encode())[0]] += f"{name} {version} {digest}\n".encode()
    return sha256(b"".join(map(sha256, buckets))).hex()


# --- the last-known-good snapshot -------------------------------------------------------------------------------------


def check_hmac(raw, key, code):
    """The HMAC over the object without its tail, before anything is parsed."""
    sealed, mac = cut_tail(raw, "hmac", 32, code)
    if not hmac.compare_digest(hmac.new(key, sealed, hashlib.sha256).digest(), mac):
        raise Refused(code if code != "lkg-form" else "lkg-bad-mac", "the HMAC is wrong")
    return sealed


def verify_snapshot(path, lkg_key_line, root_pub_lines):
    """Checked twice: the HMAC keeps strangers out, the signatures keep out whoever has the HMAC key.

    Gives the payload, with `services` as {name: members of its message} and `head`, `keyset` as their members.
    """
    key = read_key(lkg_key_line, "hmac-sha256")
    raw = Path(path).read_bytes()
    sealed = check_hmac(raw[:-1] if raw.endswith(b"\n") else raw, key, "lkg-form")
    whole = parse(sealed, "lkg-form")
    expect(whole, {"payload": dict, "algorithm": "hmac-sha256", "key_id": key_id(key)}, "lkg-form")
    payload = whole["payload"]
    if type(payload.get("format")) is int and payload["format"] > FORMAT:
        raise Refused("format-newer", f"format {payload['format']}, {FORMAT} is known here")
    expect(payload, {"config_epoch": HEX_40, "epoch": INTEGER, "format": FORMAT, "generation": INTEGER, "head": str,
                     "host": str, "index": str, "journal": dict, "keyset": str, "offset": INTEGER, "services": dict,
                     "source": NAME, "written_at": TIMESTAMP}, "lkg-form")
    expect(payload["journal"], {"seq": INTEGER, "sha256": HEX_64}, "lkg-form")
    expect(payload["services"], dict.fromkeys(payload["services"], str), "lkg-form")
    try:
        return verify_payload(payload, read_roots(root_pub_lines))
    except Refused as refused:
        if refused.code in ("format-newer", "key-file"):
            raise
        raise Refused("lkg-bad-sig", str(refused)) from refused


def verify_payload(payload, roots):
    """keyset by the roots → head and services by the keyset → the digest of all services is the head's."""
    source = payload["source"]
    keyset = verify_keyset(payload["keyset"].encode(), roots, source)
    head = verify_message(payload["head"].encode(), keyset, "config.epoch", source)
    for member in ("config_epoch", "epoch", "generation", "offset"):
        if payload[member] != head[member]:
            raise Refused("lkg-bad-sig", f"{member} is not the one of the head")
    services, digests = {}, {}
    for name, message in payload["services"].items():
        services[name] = verify_message(message.encode(), keyset, "config.update", source, name)
        digests[name] = (services[name]["version"], sha256(message.encode()).hex())
        if services[name]["config"] is None:
            raise Refused("lkg-bad-sig", f"service {name} is a removed one")
    if index_digest(digests) != head["index"] or len(services) != head["services"]:
        raise Refused("lkg-bad-sig", "the services are not those of the head")
    index = {"config_epoch": head["config_epoch"], "epoch": head["epoch"], "format": FORMAT, "source": source,
             "services": {name: {"sha256": digest, "version": version} for name, (version, digest) in digests.items()},
             "type": "config.index"}
    if payload["index"].encode() != canonicalize(index):
        raise Refused("lkg-bad-sig", "the index is not that of the services")
    return payload | {"keyset": keyset, "head": head, "services": services}


# --- the journal --------------------------------------------------------------------------------------------------------

KINDS = {"baseline", "committed", "published", "superseded", "rejected", "rewrite", "keyset", "checkpoint"}


def is_sealed(raw, key):
    try:
        check_hmac(raw, key, "journal-corrupt")
    except Refused:
        return False
    return True


def read_line(raw, number, key, previous):
    """One line: the HMAC, then its members, then that it follows on the one before."""

    def corrupt(reason):
        return Refused("journal-corrupt", f"line {number}: {reason}")

    try:
        line = parse(check_hmac(raw, key, "journal-corrupt"), "journal-corrupt")
        expect(line, {"seq": range(1, INTEGER_MAX + 1), "prev": HEX_64, "time": TIMESTAMP, "kind": str,
                      "key_id": key_id(key)}, "journal-corrupt")
    except Refused as refused:
        raise corrupt(str(refused)) from refused
    if list(line)[:4] != ["seq", "prev", "time", "kind"] or list(line)[-1] != "key_id" or line["kind"] not in KINDS:
        raise corrupt("its members are not those of a journal line")
    if previous is not None:
        seq, digest = previous
        if line["seq"] != seq + 1 or line["prev"] != digest:
            raise corrupt("it does not follow on the line before")
    elif line["seq"] == 1:
        if line["kind"] != "baseline" or line["prev"] != "0" * 64:
            raise corrupt("the very first line is not a baseline that follows on nothing")
        if type(line.get("format")) is int and line["format"] > FORMAT:
            raise Refused("format-newer", f"format {line['format']}, {FORMAT} is known here")
    elif line["kind"] != "checkpoint":
        raise corrupt("the file begins neither with a baseline nor with a checkpoint")
    return line


def verify_journal(path, journal_key_line):
    """Each line by its HMAC, all of them by the chain of `prev`. Gives the lines' members and the bytes of a torn end.

    The file is preallocated with zeros. A crash may leave the last line cut or with a hole of zeros; that line was never
    promised to anybody. Whatever has a sound line behind it was: there damage is damage.
    """
    return journal_lines(Path(path).read_bytes(), read_key(journal_key_line, "hmac-sha256"))


def journal_lines(data, key):
    """The same of bytes and a key that were read already."""
    data = data.rstrip(b"\0")
    lines, previous, at = [], None, 0
    while at < len(data):
        end = data.find(b"\n", at)
        raw = data[at:end] if end >= 0 else data[at:]
        if end < 0 or not is_sealed(raw, key):
            check_torn(data[at:], key, len(lines) + 1)
            break
        lines.append(read_line(raw, len(lines) + 1, key, previous))
        previous = (lines[-1]["seq"], sha256(raw).hex())
        at = end + 1
    return lines, len(data) - at


def check_torn(rest, key, number):
    """What stands behind the last sound line is one append that was cut, not damage."""
    first, _, behind = rest.partition(b"\n")
    is_whole = b"\0" not in first and len(first) < len(rest)
    # `{"seq":` stands nowhere but at the beginning of a line: inside a string its quotes are escaped.
    sound = any(is_sealed(raw[raw.rfind(b'{"seq":'):], key) for raw in rest.split(b"\n")[:-1] if b'{"seq":' in raw)
    if sound or (is_whole and behind):
        raise Refused("journal-corrupt", f"line {number} is damaged, and it is not the last")
    named = re.search(rb',"key_id":"([0-9a-f]{16})","hmac":"[0-9a-f]{64}"\}$', first)
    if is_whole and named and named[1].decode() != key_id(key):
        raise Refused("journal-corrupt", f"line {number} was written with another key")


# --- the command line ---------------------------------------------------------------------------------------------------


def main(arguments):
    match arguments:
        case ["keyset", path, roots]:
            keyset = verify_keyset(Path(path).read_bytes(), read_roots(open(roots)))
            return f"generation {keyset['generation']}: " + ", ".join(key["id"] for key in keyset["keys"])
        case ["message", path, keyset_path, roots]:
            keyset = verify_keyset(Path(keyset_path).read_bytes(), read_roots(open(roots)))
            return canonicalize(verify_message(Path(path).read_bytes(), keyset)).decode()
        case ["snapshot", path, key, roots]:
            payload = verify_snapshot(path, Path(key).read_text(), open(roots))
            return f"epoch {payload['epoch']} of {payload['source']}: {len(payload['services'])} services, all signed"
        case ["journal", path, key]:
            lines, torn = verify_journal(path, Path(key).read_text())
            return f"{len(lines)} lines, chained and sealed; {torn} bytes of a torn end"
    raise SystemExit(__doc__)


if __name__ == "__main__":
    try:
        print(main(sys.argv[1:]))
    except (Refused, OSError) as error:
        sys.exit(f"refused: {error}")
