"""The history checker: decides offline whether a run of epochd kept its promises.

It is given what others wrote down and uses nothing of ours but the independent verifier (PyNaCl): the repository's commits, the
journal's files, everything that a subscriber saw the broker carry, what consumers say they applied, and, where there is one, a
trace of the daemon's system calls. It gives a list of violations; none is a pass.

    checker.py FOLDER [--no-quiet]     FOLDER as History.save() wrote it; exit 1 and a line for each violation

What it does not see it does not vouch for: without a trace I7 is "what was carried is in the journal", with one it is the order
of the calls themselves.
"""
import base64
import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "interop"))
import verify_independent as independent  # noqa: E402

INVARIANTS = {
    "I0": "the journal's lines are sealed and chained, every message is signed by a key of its generation's keyset",
    "I1": "(generation, epoch) never decreases: at a consumer, across its restarts, and on the wire",
    "I2": "every digest that was applied is one of a journaled epoch",
    "I3": "the commit of every journaled epoch is the repository's, and its number is its count plus the offset",
    "I4": "every commit is published, superseded or rejected; none is unaccounted, none twice",
    "I5": "what a consumer has applied is at every instant all of one epoch",
    "I6": "after quiet time everybody is at the head: the broker retains it, every live consumer applied it",
    "I7": "nothing is carried before its journal record is on stable storage",
    "I8": "there is one message for each (generation, epoch) head and each (generation, version) of a service",
    "I9": "no canary stands in anything that leaves the daemon",
    "I10": "every rejected commit has exactly one stable code",
}
CODE = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
SIGNATURE = re.compile(rb'"signature":"([0-9a-f]{128})"\}')


@dataclass(frozen=True)
class Violation:
    invariant: str
    what: str

    def __str__(self):
        return f"{self.invariant} {self.what} (promised: {INVARIANTS[self.invariant]})"


@dataclass
class Carried:
    """One message as the recorder got it."""
    topic: str
    payload: bytes
    retained: bool = False


@dataclass
class Repository:
    """What git says: the branch's commits, oldest first, every commit that can be found at all, and each one's count."""
    branch: list
    known: set
    parents: dict  # id → ids
    counts: dict = field(default_factory=dict, compare=False, repr=False)

    @classmethod
    def read(cls, path, branch="main"):
        def git(*args):
            return subprocess.run(["git", "-C", str(path), *args], check=True, text=True, stdout=subprocess.PIPE).stdout.split("\n")[:-1]

        parents = {}
        for line in git("rev-list", "--parents", "--all", "--reflog"):
            commit, *rest = line.split()
            parents[commit] = rest
        return cls(git("rev-list", "--reverse", "--topo-order", branch), set(parents), parents)

    def count(self, commit):
        """As git rev-list --count. Along a line one more than the parent's; a merge is counted out."""
        line = []
        while commit not in self.counts and len(self.parents[commit]) == 1 and self.parents[commit][0] in self.parents:
            line.append(commit)
            commit = self.parents[commit][0]
        at = self.counts.get(commit) or len(self.ancestors(commit))
        self.counts[commit] = at
        for more in reversed(line):
            at += 1
            self.counts[more] = at
        return at

    def ancestors(self, commit):
        """With the commit itself."""
        seen, todo = set(), [commit]
        while todo:
            at = todo.pop()
            if at not in seen:
                seen.add(at)
                todo += self.parents.get(at, [])
        return seen


@dataclass
class History:
    """All that is known of a run. `quiet`: it ended with time enough for everything to arrive everywhere."""
    repository: Repository
    journal: list                                  # the bytes of each file, oldest first
    journal_key: str                               # the line of journal.key
    roots: list                                    # the lines of root.pub
    carried: list = field(default_factory=list)    # of Carried, in the order of arrival
    applied: dict = field(default_factory=dict)    # consumer → entries of its log, oldest first
    live: set = field(default_factory=set)         # consumers that were there at the end
    trace: list = field(default_factory=list)      # ("append"|"publish", signature in hex) and ("sync", None), in order
    canaries: list = field(default_factory=list)   # bytes that must stand nowhere
    outputs: dict = field(default_factory=dict)    # name → bytes of whatever else left the daemon
    source: str = "config-manager"
    prefix: str = ""
    quiet: bool = True
    broker: bool = True                            # there was one: what is committed has to be published

    def save(self, folder):
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        repository = self.repository
        plain = {name: getattr(self, name) for name in ("journal_key", "roots", "applied", "trace", "source", "prefix", "quiet", "broker")}
        plain |= {
            "journal": [data.decode("latin-1") for data in self.journal],
            "carried": [[m.topic, m.payload.decode("latin-1"), m.retained] for m in self.carried],
            "live": sorted(self.live), "canaries": [c.decode("latin-1") for c in self.canaries],
            "outputs": {name: data.decode("latin-1") for name, data in self.outputs.items()},
            "repository": {"branch": repository.branch, "parents": repository.parents},
        }
        (folder / "history.json").write_text(json.dumps(plain))

    @classmethod
    def load(cls, folder):
        plain = json.loads((Path(folder) / "history.json").read_text())
        repository = plain.pop("repository")
        return cls(**plain | {
            "repository": Repository(repository["branch"], set(repository["parents"]), repository["parents"]),
            "journal": [text.encode("latin-1") for text in plain["journal"]],
            "carried": [Carried(topic, text.encode("latin-1"), retained) for topic, text, retained in plain["carried"]],
            "live": set(plain["live"]), "canaries": [text.encode("latin-1") for text in plain["canaries"]],
            "outputs": {name: text.encode("latin-1") for name, text in plain["outputs"].items()},
            "trace": [tuple(event) for event in plain["trace"]],
        })


def digest(data):
    return hashlib.sha256(data).hexdigest()


def short(commit):
    return commit[:10]


class Checker:
    def __init__(self, history):
        self.history = history
        self.violations = []
        self.lines = []
        self.keysets = {}        # generation → verified keyset
        self.epochs = []         # committed records in order, with "catalog": name → (version, digest) in force after it
        self.heads = {}          # digest of a head → its committed record
        self.services = {}       # (name, digest of a message) → its version
        self.once = {}           # what must be one → its digest

    def wrong(self, invariant, what):
        self.violations.append(Violation(invariant, what))

    def run(self):
        self.read_journal()
        self.read_epochs()
        self.check_commits()
        self.check_carried()
        for consumer in self.history.applied:
            self.check_applied(consumer)
        if self.history.quiet:
            self.check_quiet()
        self.check_trace()
        self.check_canaries()
        return self.violations

    # --- the journal ---

    def read_journal(self):
        key = independent.read_key(self.history.journal_key, "hmac-sha256")
        previous = None
        for number, data in enumerate(self.history.journal):
            try:
                lines, torn = independent.journal_lines(data, key)
            except independent.Refused as refused:
                self.wrong("I0", f"journal file {number}: {refused}")
                return
            if lines and previous is not None and (lines[0]["seq"], lines[0]["prev"]) != (previous[0] + 1, previous[1]):
                self.wrong("I0", f"journal file {number} does not follow on the one before")
            if number == 0 and lines and lines[0]["seq"] != 1:
                self.wrong("I0", f"the journal begins with line {lines[0]['seq']}")
            if torn and number < len(self.history.journal) - 1:
                self.wrong("I0", f"journal file {number} was ended with a torn line")
            if lines:
                sound = data.rstrip(b"\0")
                last = sound[:len(sound) - torn].rstrip(b"\n").rsplit(b"\n", 1)[-1]
                previous = (lines[-1]["seq"], digest(last))
            self.lines += lines

    def verified(self, raw, where, **expected):
        """Its members, or None after it was reported."""
        generation = json.loads(raw).get("generation") if raw.startswith(b"{") else None
        keyset = self.keysets.get(generation)
        if keyset is None:
            self.wrong("I0", f"{where}: no keyset of generation {generation}")
            return None
        try:
            return independent.verify_message(raw, keyset, source=self.history.source, **expected)
        except independent.Refused as refused:
            self.wrong("I0", f"{where}: {refused}")
            return None

    def one(self, identity, raw, where):
        """I8: the first bytes of an identity are the only ones."""
        if self.once.setdefault(identity, digest(raw)) != digest(raw):
            self.wrong("I8", f"{where}: other bytes for {' '.join(map(str, identity))}")

    def read_keyset(self, raw, where):
        try:
            keyset = independent.verify_keyset(raw, independent.read_roots(self.history.roots), self.history.source)
        except independent.Refused as refused:
            self.wrong("I0", f"{where}: {refused}")
            return
        self.one(("keyset", keyset["generation"]), raw, where)
        self.keysets.setdefault(keyset["generation"], keyset)

    def read_epochs(self):
        catalog, before = {}, None
        for line in self.lines:
            where = f"journal line {line['seq']}"
            if line["kind"] == "keyset":
                self.read_keyset(line["keyset"].encode(), where)
            if line["kind"] != "committed":
                continue
            head_raw = line["head"].encode()
            head = self.verified(head_raw, where, type="config.epoch")
            if head is None:
                continue
            self.one(("head", head["generation"], head["epoch"]), head_raw, where)
            catalog = dict(catalog)
            for name, text in line["services"].items():
                self.read_service(line, head, name, text.encode(), catalog)
            order = (head["generation"], head["epoch"])
            if before is not None and order <= (before["generation"], before["epoch"]):
                self.wrong("I1", f"{where}: epoch {order} is journaled behind {before['generation'], before['epoch']}")
            if (head["epoch"], head["config_epoch"], head["offset"]) != (line["epoch"], line["commit"], line["offset"]):
                self.wrong("I0", f"{where}: its head is of another epoch")
            if independent.index_digest(catalog) != head["index"] or len(catalog) != head["services"]:
                self.wrong("I5", f"{where}: the services journaled up to epoch {head['epoch']} are not those of its head")
            parent = None if before is None else {"epoch": before["epoch"], "sha256": before["digest"]}
            if head["parent"] != parent:
                self.wrong("I2", f"{where}: the parent of epoch {head['epoch']} is not the epoch journaled before it")
            before = dict(line, digest=digest(head_raw), catalog=catalog)
            self.epochs.append(before)
            self.heads[before["digest"]] = before

    def read_service(self, line, head, name, raw, catalog):
        where = f"journal line {line['seq']}, {name}"
        update = self.verified(raw, where, type="config.update", service=name)
        if update is None:
            return
        self.one((name, update["generation"], update["version"]), raw, where)
        if update["version"] != line["epoch"] and update["generation"] == head["generation"] and not self.is_rotation(line):
            self.wrong("I5", f"{where}: version {update['version']} in epoch {line['epoch']}")
        self.services[name, digest(raw)] = update["version"]
        if update["config"] is None:
            catalog.pop(name, None)
        else:
            catalog[name] = (update["version"], digest(raw))

    def is_rotation(self, line):
        """The first epoch of a generation signs everything anew, versions as they were."""
        return bool(self.epochs) and line["generation"] > self.epochs[-1]["generation"]

    # --- commits ---

    def check_commits(self):
        repository = self.history.repository
        verdicts, codes, overtaken, published = {}, {}, set(), set()
        rewritten = {line["to"] for line in self.lines if line["kind"] == "rewrite"}
        for line in self.lines:
            if line["kind"] == "committed":
                if verdicts.get(line["commit"]) not in (None, "committed") or (
                        line["commit"] in verdicts and line["commit"] not in rewritten and not self.is_signed_anew(line)):
                    self.wrong("I4", f"line {line['seq']}: {short(line['commit'])} is committed and was {verdicts[line['commit']]} before")
                verdicts[line["commit"]] = "committed"
            elif line["kind"] == "rejected":
                self.check_rejected(line, verdicts, codes)
            elif line["kind"] == "superseded":
                self.check_superseded(line, verdicts, overtaken)
            elif line["kind"] == "published":
                published.add(line["epoch"])
        self.check_numbers(repository)
        self.check_accounted(repository, verdicts)
        if self.history.quiet and self.history.broker:
            for epoch in self.epochs:
                if epoch["epoch"] not in published | overtaken:
                    self.wrong("I4", f"epoch {epoch['epoch']} was committed and neither published nor overtaken")

    def is_signed_anew(self, line):
        return any(epoch["commit"] == line["commit"] and epoch["generation"] < line["generation"] for epoch in self.epochs)

    def check_rejected(self, line, verdicts, codes):
        commit, code = line["commit"], line["code"]
        if not CODE.fullmatch(code or ""):
            self.wrong("I10", f"{short(commit)} is rejected with the code {code!r}")
        if codes.setdefault(commit, code) != code:
            self.wrong("I10", f"{short(commit)} is rejected with {codes[commit]} and with {code}")
        elif verdicts.get(commit) == "rejected":
            self.wrong("I10", f"{short(commit)} is rejected twice")
        if verdicts.get(commit) not in (None, "rejected"):
            self.wrong("I4", f"{short(commit)} is rejected and was {verdicts[commit]} before")
        if not line["findings"]:
            self.wrong("I10", f"{short(commit)} is rejected without a finding")
        verdicts[commit] = "rejected"

    def check_superseded(self, line, verdicts, overtaken):
        if line["from"] is None:
            overtaken.add(line["epoch"])
            return
        for commit in line["commits"]:
            if verdicts.get(commit) == "committed":
                self.wrong("I4", f"line {line['seq']}: {short(commit)} is superseded inside a range, and is an epoch")
            verdicts.setdefault(commit, "superseded")

    def check_numbers(self, repository):
        for epoch in self.epochs:
            if epoch["commit"] not in repository.known:
                self.wrong("I3", f"epoch {epoch['epoch']}: there is no commit {short(epoch['commit'])}")
                continue
            count = repository.count(epoch["commit"])
            if epoch["epoch"] != count + epoch["offset"]:
                self.wrong("I3", f"epoch {epoch['epoch']}: {short(epoch['commit'])} is number {count}, offset {epoch['offset']}")

    def check_accounted(self, repository, verdicts):
        """From the first verdict on: history before a first start is not replayed."""
        first = next((line["commit"] for line in self.lines if line["kind"] in ("committed", "rejected")), None)
        before = repository.ancestors(first) - {first} if first else set()
        tip_seen = self.history.quiet
        for commit in repository.branch:
            if commit in verdicts or commit in before or not tip_seen:
                continue
            self.wrong("I4", f"commit {short(commit)} has no verdict")

    # --- the wire ---

    def topic(self, middle):
        return f"{self.history.prefix}/{middle}" if self.history.prefix else middle

    def check_carried(self):
        source = self.history.source
        for message in self.history.carried:
            if message.topic == self.topic(f"system/keys/{source}") and message.payload:
                self.read_keyset(message.payload, message.topic)
        highest, versions = (0, 0), {}
        for message in self.history.carried:
            kind = message.topic.removeprefix(self.topic(""))
            if not message.payload:
                continue
            if kind == f"system/epoch/{source}":
                highest = self.check_head(message, highest)
            elif kind == "config/update" or kind.startswith("system/config/"):
                self.check_update(message, kind, versions)
            elif kind == f"system/keepalive/{source}":
                keepalive = self.verified(message.payload, kind, type="config.keepalive")
                if keepalive and keepalive["head"] not in self.heads:
                    self.wrong("I7", f"a keepalive names the head of epoch {keepalive['epoch']}, which is not journaled")
            elif kind == f"system/index/{source}":
                self.check_index(json.loads(message.payload))

    def check_head(self, message, highest):
        head = self.verified(message.payload, message.topic, type="config.epoch")
        if head is None:
            return highest
        order = (head["generation"], head["epoch"])
        if digest(message.payload) not in self.heads:
            self.wrong("I7", f"the head of epoch {head['epoch']} was carried and is not journaled")
        self.one(("head", *order), message.payload, message.topic)
        if order < highest:
            self.wrong("I1", f"the head of epoch {order} was carried behind that of {highest}")
        return max(order, highest)

    def check_update(self, message, kind, versions):
        update = self.verified(message.payload, message.topic, type="config.update")
        if update is None:
            return
        name, order = update["service"], (update["generation"], update["version"])
        if kind != "config/update" and kind != f"system/config/{name}":
            self.wrong("I0", f"{message.topic} carried a message of {name}")
        if (name, digest(message.payload)) not in self.services:
            self.wrong("I7", f"{name} version {update['version']} was carried and is not journaled")
        self.one((name, *order), message.payload, message.topic)
        if order < versions.get(message.topic + name, (0, 0)):
            self.wrong("I1", f"{message.topic}: {name} {order} behind {versions[message.topic + name]}")
        versions[message.topic + name] = order

    def check_index(self, index):
        said = {name: (entry["version"], entry["sha256"]) for name, entry in index["services"].items()}
        if not any(epoch["epoch"] == index["epoch"] and epoch["catalog"] == said for epoch in self.epochs):
            self.wrong("I5", f"the index of epoch {index['epoch']} is not of that epoch")

    # --- consumers ---

    def check_applied(self, consumer):
        before = (0, 0)
        for entry in self.history.applied[consumer]:
            order = (entry["generation"], entry["epoch"])
            if order < before:
                self.wrong("I1", f"{consumer} went back from {before} to {order}")
            before = order
            epoch = self.heads.get(entry["head"])
            if epoch is None:
                self.wrong("I2", f"{consumer} applied a head of epoch {entry['epoch']} that is not journaled")
                continue
            self.one(("applied", *order), entry["head"].encode(), consumer)
            said = {name: (service["version"], service["sha256"]) for name, service in entry["services"].items()}
            for name, (_, sha) in said.items():
                if (name, sha) not in self.services:
                    self.wrong("I2", f"{consumer} applied {name} with a digest that is not journaled")
            follows = entry.get("follows")
            whole = {name: at for name, at in epoch["catalog"].items() if follows is None or name in follows}
            if said != whole:
                different = sorted(name for name in said.keys() | whole.keys() if said.get(name) != whole.get(name))
                self.wrong("I5", f"{consumer} at epoch {entry['epoch']}: {', '.join(different)} not of that epoch")

    def check_quiet(self):
        if not self.epochs:
            return
        last = self.epochs[-1]
        for consumer in sorted(self.history.live):
            log = self.history.applied.get(consumer) or [{"epoch": 0, "head": None}]
            if log[-1]["head"] != last["digest"]:
                self.wrong("I6", f"{consumer} ended at epoch {log[-1]['epoch']}, the head is {last['epoch']}")
        if not self.history.broker:
            return
        final = {message.topic: message.payload for message in self.history.carried}
        head = final.get(self.topic(f"system/epoch/{self.history.source}"), b"")
        if digest(head) != last["digest"]:
            self.wrong("I6", f"the broker was not left with the head of epoch {last['epoch']}")
        for name, (version, sha) in last["catalog"].items():
            if digest(final.get(self.topic(f"system/config/{name}"), b"")) != sha:
                self.wrong("I6", f"the broker was not left with {name} version {version}")
        for topic, payload in final.items():
            name = topic.removeprefix(self.topic("system/config/"))
            if name != topic and name not in last["catalog"] and payload:
                self.wrong("I6", f"the broker was left with {name}, which epoch {last['epoch']} does not have")

    # --- the order of the calls ---

    def check_trace(self):
        """A signature may leave the process when a sync behind its append has returned."""
        pending, durable = set(), set()
        for event, signature in self.history.trace:
            if event == "append":
                pending.add(signature)
            elif event == "sync":
                durable |= pending
                pending = set()
            elif signature not in durable and signature in self.signatures():
                self.wrong("I7", f"the message signed {signature[:16]}… left before its journal line was synced")

    def signatures(self):
        """Of what has to be journaled first: updates and heads."""
        if not hasattr(self, "_signatures"):
            raws = [epoch["head"].encode() for epoch in self.epochs]
            raws += [text.encode() for epoch in self.epochs for text in epoch["services"].values()]
            self._signatures = {SIGNATURE.search(raw)[1].decode() for raw in raws}
        return self._signatures

    # --- secrets ---

    def check_canaries(self):
        everything = dict(self.history.outputs)
        everything |= {f"journal file {n}": data for n, data in enumerate(self.history.journal)}
        everything |= {f"message {n} on {m.topic}": m.payload for n, m in enumerate(self.history.carried)}
        for where, data in everything.items():
            for number, canary in enumerate(self.history.canaries):
                if canary in data:
                    self.wrong("I9", f"canary {number} stands in {where}")


def check(history):
    """The violations of a history, empty for a good one."""
    return Checker(history).run()


# --- collecting ---------------------------------------------------------------------------------------------------------


def journal_files(state):
    """The bytes of each file of the chain, oldest first."""
    state = Path(state)
    old = sorted(state.glob("journal-[0-9]*.jsonl"), key=lambda path: int(path.stem.split("-")[1]))
    current = [path for path in (state / "journal.jsonl",) if path.exists()]
    return [path.read_bytes() for path in old + current]


def secrets(keys):
    """Canaries: the private halves, as the key files spell them and raw."""
    found = []
    for name in ("root.key", "signing.key", "journal.key"):
        path = Path(keys) / name
        if path.exists():
            text = path.read_text().strip().split(":")[2]
            found += [text.encode(), base64.b64decode(text)]
    return found


def unescape(text):
    """The bytes of a string as strace -xx prints it."""
    return bytes.fromhex(re.sub(r"\\x", "", text))


def read_trace(path):
    """What `strace -f -y -xx -s N -e trace=pwrite64,fdatasync,fsync,write,send,sendto,sendmsg` saw, as History.trace wants it."""
    events, unfinished = [], {}
    for line in Path(path).read_text(errors="replace").splitlines():
        thread, _, rest = line.partition(" ")
        rest = rest.strip()
        if rest.endswith("<unfinished ...>"):
            unfinished[thread] = rest.removesuffix("<unfinished ...>")
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", rest)
        if resumed:
            rest = unfinished.pop(thread, "") + resumed[1]
        call = re.match(r"(\w+)\(\d+<([^>]*)>(.*)\)\s+= (-?\d+)", rest)
        if not call or int(call[4]) < 0:
            continue
        name, file, arguments = call[1], unescape(call[2]).decode(errors="replace") if "\\x" in call[2] else call[2], call[3]
        is_journal = file.endswith("/journal.jsonl") or file.endswith("/journal.jsonl.next")
        if name in ("fdatasync", "fsync"):
            events += [("sync", None)] if is_journal else []
            continue
        data = b"".join(unescape(text) for text in re.findall(r'"((?:\\x[0-9a-f]{2})*)"', arguments))
        kind = "append" if is_journal else "publish" if "socket:" in file or "TCP" in file or "UNIX" in file else None
        if kind:
            # In the journal a message is a JSON string: its quotes are escaped.
            events += [(kind, found.decode()) for found in re.findall(rb'signature\\?":\\?"([0-9a-f]{128})', data)]
    return events


def main(arguments):
    if not arguments:
        raise SystemExit(__doc__)
    history = History.load(arguments[0])
    history.quiet = history.quiet and "--no-quiet" not in arguments
    violations = check(history)
    for violation in violations:
        print(violation)
    print(f"{len(violations)} violations; {len(history.carried)} messages, {sum(map(len, history.applied.values()))} applied")
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
