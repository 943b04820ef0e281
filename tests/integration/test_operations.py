"""docs/OPERATIONS.md, tried: its commands for backup, restore, moving, lost keys and full disks are run as they stand there.

A block ```sh run=NAME is run by bash; only its folders are those of the test, `systemctl` starts and stops the test's daemon, and
`setpriv` to a user who is not here is left out.
"""
import base64
import hashlib
import hmac
import json
import os
import re
import shutil
import signal
import subprocess
import sys

import pytest
from harness import EPOCHD, ROOT, SOURCE, STUCK_S, Daemon, Repo, Subscriber, remove, run
from nacl.signing import SigningKey

sys.path.insert(0, str(ROOT / "tests/interop"))
from verify_independent import canonicalize, index_digest, sha256  # noqa: E402

PAGE = (ROOT / "docs/OPERATIONS.md").read_text()
BLOCKS = dict(re.findall(r"^```sh run=([a-z-]+)\n(.*?)^```$", PAGE, re.M | re.S))
HEAD, HEALTH = f"system/epoch/{SOURCE}", f"system/health/{SOURCE}"
SYSTEMCTL = 'systemctl() { echo "SYSTEMCTL $*"; read -r _; }\n'


class Host:
    """A machine: its folders, its repository, its epochd, and somebody who types what the page says."""

    def __init__(self, folder, broker, repo, wrapper=(), **settings):
        self.folder = folder
        self.places = {"/var/lib/epochd": folder / "lib/epochd", "/srv/config": repo.path, "/root/backup": folder / "backup",
                       "/mnt/elsewhere": folder / "elsewhere"}
        for place in self.places.values():
            place.parent.mkdir(parents=True, exist_ok=True)
        self.repo = repo
        self.daemon = Daemon(folder / "epochd", repo, broker, start=False, wrapper=wrapper, EPOCHD_REPOSITORY_POLL_S="1", **settings)
        self.daemon.state = self.places["/var/lib/epochd"]
        self.daemon.settings["EPOCHD_STATE"] = str(self.daemon.state)

    def start(self):
        self.daemon.start()
        self.daemon.committed(1)
        self.daemon.snapshot(1)
        return self

    def systemctl(self, words):
        if "stop" in words or "disable" in words:
            self.daemon.stop()
        if "start" in words or "enable" in words or "restart" in words:
            self.daemon.stop()
            self.daemon.start()

    def type(self, name, **variables):
        """What it printed. Fails with the first command that does."""

        text = SYSTEMCTL + BLOCKS[name].replace("setpriv --reuid epochd --regid epoch --clear-groups ", "")
        for there, here in self.places.items():
            text = text.replace(there, str(here))
        bash = subprocess.Popen([*self.daemon.wrapper, "bash", "-eu", "-c", text], env={**self.daemon.env, **variables}, text=True,
                                cwd=self.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said = []
        for line in bash.stdout:
            said.append(line)
            if line.startswith("SYSTEMCTL "):
                self.systemctl(line.split()[1:])
                bash.stdin.write("\n")
                bash.stdin.flush()
        bash.stdin.close()
        bash.stdout.close()
        assert bash.wait() == 0, "".join(said)
        return "".join(said)

    def stop(self):
        self.daemon.stop()

    def kept(self, name):
        return (self.daemon.state / name).read_bytes()


@pytest.fixture
def host(tmp_path, home, broker, ends):
    return ends(Host(tmp_path / "host", broker, home)).start()


def change(repo, n):
    return repo.commit({"services/router.yaml": f"round: {n}\n"}, f"round {n}")


def last_head(subscriber):
    return json.loads([payload for payload in subscriber.on(HEAD) if payload][-1])


def test_every_block_of_the_page_is_tried_by_a_test():
    source = (ROOT / "tests/integration/test_operations.py").read_text()
    assert BLOCKS and [name for name in BLOCKS if f'"{name}"' not in source] == []


# --- backup and restore -----------------------------------------------------------------------------------------------


def test_f33__a_backup_taken_while_it_runs_is_restored(host, home, subscriber):
    for n in range(2, 6):
        change(home, n)
    host.daemon.published(5)
    host.daemon.snapshot(5)
    before = subscriber.epoch(5)
    host.type("backup")
    remove(host.daemon.state)
    shutil.rmtree(home.path)
    host.daemon.kill()
    host.type("restore-repository")
    said = host.type("restore")
    assert "epochd is" in said
    host.daemon.state_is("ok")
    assert json.loads(before)["epoch"] == 5 and host.daemon.status()["epoch"] == 5
    change(home, 6)
    assert json.loads(subscriber.epoch(6))["parent"]["sha256"] == hashlib.sha256(before).hexdigest()


def test_f33__backups_taken_in_the_middle_of_commits_are_whole(host, home, broker, tmp_path, ends):
    """Each of them starts, serves the epoch that its journal tells, and never finds its repository behind."""
    for n in range(2, 26):
        change(home, n)
        if n % 4:
            continue
        host.type("backup")
        copy = Repo(tmp_path / f"config-{n}", bare=True)
        copy.git("fetch", "-q", str(host.places["/root/backup"] / "config.bundle"), "main:main")
        other = ends(Host(tmp_path / f"other-{n}", None, copy))
        shutil.copytree(host.places["/root/backup"] / "state", other.daemon.state)
        other.daemon.start()
        status = other.daemon.status_when(lambda s: s["state"] != "initializing")
        assert (status["state"], status["config_epoch"]) == ("ok", copy.head("main")), status
        other.stop()


def test_f33__an_older_state_is_restored_above_what_the_broker_has_seen(host, home, subscriber):
    host.type("backup")
    for n in range(2, 5):
        change(home, n)
        host.daemon.published(n)
    host.type("restore")
    head = json.loads(subscriber.wait(HEAD, lambda p: p and json.loads(p)["epoch"] > 4))
    assert head["config_epoch"] == home.head() and head["services"] == 6
    epochs = [json.loads(p)["epoch"] for p in subscriber.on(HEAD) if p]
    assert epochs == sorted(epochs), "nobody is led backward"


def test_f33__an_older_state_whose_broker_has_forgotten_too_goes_on_above_what_is_said(host, home, broker):
    host.type("backup")
    for n in range(2, 5):
        change(home, n)
        host.daemon.published(n)
    host.daemon.stop()
    broker.kill()
    broker.start()
    assert "epoch 413 is in force" in host.type("restore-above")
    host.daemon.published(413)
    assert host.daemon.journal()[0]["floor"] == 412


def test_f33__an_older_repository_is_behind_and_the_clone_brings_it_back(host, home, subscriber, tmp_path):
    host.type("backup")
    commit = change(home, 2)
    host.daemon.published(2)
    clone = Repo(tmp_path / "clone")
    clone.git("pull", "-q", str(home.path), "main")
    host.daemon.stop()
    shutil.rmtree(home.path)
    host.type("restore-repository")
    host.daemon.start()
    host.daemon.state_is("hold:repo-behind")
    assert last_head(subscriber)["config_epoch"] == commit
    clone.git("push", "-q", str(home.path), "main")
    assert host.daemon.status_when(lambda s: s["state"] == "ok")["epoch"] == 2
    change(home, 3)
    subscriber.epoch(3)


# --- another host -----------------------------------------------------------------------------------------------------


def test_f29__moving_to_another_host_changes_no_byte_and_makes_a_new_snapshot(host, home, broker, subscriber, tmp_path, ends):
    if os.geteuid() != 0:
        pytest.skip("NO OTHER HOST WAS TRIED: only root may give a process another host name")
    change(home, 2)
    host.daemon.published(2)
    before = subscriber.epoch(2)
    host.type("move-from")
    host.type("backup")
    there = Repo(tmp_path / "there/config")
    shutil.rmtree(there.path)
    rename = ["unshare", "--uts", "sh", "-c", 'hostname another-host; exec "$0" "$@"']
    other = ends(Host(tmp_path / "there", broker, there, wrapper=rename))
    shutil.copytree(host.places["/root/backup"], other.places["/root/backup"])
    other.type("move-to")
    assert other.daemon.wait("snapshot_refused")["code"] == "lkg-wrong-host"
    other.daemon.snapshot(2)
    assert "verified" in run("epochctl", "verify", "lkg", wrapper=rename, check=0, **other.daemon.settings).stdout
    assert {p for p in subscriber.on(HEAD) if p and json.loads(p)["epoch"] == 2} == {before}
    assert other.daemon.status()["epoch"] == 2 and other.daemon.status()["state"] == "ok"


# --- after a power cut ------------------------------------------------------------------------------------------------


def test_f33_f38__a_repository_damaged_by_a_power_cut_is_cloned_again(host, home, subscriber, tmp_path):
    clone = Repo(tmp_path / "clone")
    clone.git("pull", "-q", str(home.path), "main")
    commit = change(clone, 2)
    clone.git("push", "-q", str(home.path), "main:next")
    for name in home.git("rev-list", "--objects", "main..next").stdout.split():
        path = home.path / ".git/objects" / name[:2] / name[2:]
        if len(name) == 40 and path.exists():
            path.unlink()
            path.touch()  # what git's default settings leave
    (home.path / ".git/refs/heads/main").write_text(commit + "\n")
    (home.path / ".git/refs/heads/main.lock").touch()
    host.daemon.state_is("hold:repo-unreadable")
    assert last_head(subscriber)["epoch"] == 1
    with pytest.raises(AssertionError):
        host.type("after-power-cut")  # fsck says so, and fails
    assert not (home.path / ".git/refs/heads/main.lock").exists()
    host.type("clone-again", CLONE=str(clone.path))
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit
    host.daemon.status_when(lambda s: s["state"] == "ok")


# --- files that were deleted ------------------------------------------------------------------------------------------


def test_f26__a_deleted_snapshot_is_written_at_the_next_epoch_and_at_the_next_start(host, home):
    snapshot = host.daemon.state / "config.lkg.json"
    snapshot.unlink()
    change(home, 2)
    host.daemon.snapshot(2)
    host.daemon.stop()
    snapshot.unlink()
    host.daemon.start()
    host.daemon.snapshot(2)
    host.daemon.ctl("verify", "lkg", check=0)


def test_f25__a_deleted_run_folder_is_made_again(host, home):
    host.daemon.process.send_signal(signal.SIGSTOP)  # or it writes a file between the last unlink and the rmdir
    os.waitpid(host.daemon.process.pid, os.WUNTRACED)
    shutil.rmtree(host.daemon.run)
    host.daemon.process.send_signal(signal.SIGCONT)
    change(home, 2)
    host.daemon.committed(2)
    files = [host.daemon.run / name for name in ("metrics.prom", "consumers.json")]
    status = host.daemon.status_when(lambda s: s.get("epoch") == 2 and all(file.exists() for file in files))
    host.daemon.wait("metrics_written", epoch=2)
    assert status["state"] == "ok"


def test_f16__old_journal_files_may_be_moved_away(home, tmp_path, ends):
    """A journal that has changed files once, the old one moved as the page says: nothing is missed at the next start."""
    host = ends(Host(tmp_path / "host", None, home)).start()
    epoch = 1
    while not list(host.daemon.state.glob("journal-*.jsonl")):
        epoch += 1
        home.commit({f"services/big-{i}.yaml": f"round: {epoch}\ntext: {'x' * 240_000}\n" for i in range(24)}, f"big {epoch}")
        host.daemon.committed(epoch)
    host.daemon.snapshot(epoch)
    old, = host.daemon.state.glob("journal-*.jsonl")
    host.places["/mnt/elsewhere"].mkdir()
    host.type("full-disk")
    assert not old.exists() and (host.places["/mnt/elsewhere"] / old.name).exists()
    host.systemctl(["restart"])
    host.daemon.wait("recovered", epoch=epoch)
    host.daemon.state_is("ok")
    change(home, epoch + 1)
    host.daemon.committed(epoch + 1)
    parent = json.loads([record for record in host.daemon.journal() if record["kind"] == "committed"][-1]["head"])["parent"]
    assert parent["epoch"] == epoch


# --- upgrade and downgrade --------------------------------------------------------------------------------------------


def test_a_restart_publishes_the_same_bytes_and_never_says_lost(host, home, broker, subscriber, ends):
    change(home, 2)
    host.daemon.published(2)
    subscriber.epoch(2)
    host.systemctl(["restart"])
    host.daemon.wait("broker_connected")
    change(home, 3)
    host.daemon.published(3)
    for topic in {topic for topic, _, _ in subscriber.messages if topic.startswith(("system/config/", "system/epoch/", "system/keys/"))}:
        versions = [json.loads(p).get("version", json.loads(p).get("epoch", 0)) for p in subscriber.on(topic)]
        assert versions == sorted(versions)
        assert len(set(subscriber.on(topic))) == len(set(versions)), f"{topic}: the same version with other bytes"
    events = [json.loads(p)["data"]["event"] for p in subscriber.on(HEALTH) if p]
    assert "shutdown" in events and "lost" not in events
    late = ends(Subscriber(broker.port))
    assert json.loads(late.epoch(3))["offset"] == 0


class Keys:
    """The keys of a daemon, to write what another version would have written."""

    def __init__(self, state):
        def secret(name):
            return base64.b64decode((state / "keys" / name).read_text().strip().rpartition(":")[2])
        self.signing, self.root = SigningKey(secret("signing.key")), SigningKey(secret("root.key"))
        self.journal, self.lkg = secret("journal.key"), secret("lkg.key")

    @staticmethod
    def sign(key, message, **members):
        body = {**json.loads(message), **members}
        del body["signature"]
        raw = canonicalize(body)
        return (raw[:-1] + f',"signature":"{key.sign(raw).signature.hex()}"}}'.encode()).decode()

    @staticmethod
    def seal(key, text):
        mac = hmac.new(key, text, hashlib.sha256).hexdigest()
        return text[:-1] + f',"hmac":"{mac}"}}'.encode()

    def journal_of(self, lines):
        """The lines sealed and chained anew."""
        sealed, previous = [], "0" * 64
        for line in lines:
            line = {**line, "prev": previous}
            del line["hmac"]
            sealed.append(self.seal(self.journal, json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()))
            previous = hashlib.sha256(sealed[-1]).hexdigest()
        return b"\n".join(sealed) + b"\n"


def test_an_upgrade_that_reads_the_same_commit_otherwise_is_a_new_epoch(host, subscriber):
    """The journal is made to say what a version with other rules would have written of the same commit."""
    subscriber.epoch(1)
    host.stop()
    keys, lines = Keys(host.daemon.state), host.daemon.journal()
    for line in lines:
        if line["kind"] != "committed":
            continue
        config = {**json.loads(line["services"]["router"])["config"], "of_the_old_version": True}
        line["services"]["router"] = keys.sign(keys.signing, line["services"]["router"], config=config)
        digest = index_digest({name: (1, sha256(message.encode()).hex()) for name, message in line["services"].items()})
        line["head"] = keys.sign(keys.signing, line["head"], index=digest)
    (host.daemon.state / "journal.jsonl").write_bytes(keys.journal_of(lines))
    (host.daemon.state / "config.lkg.json").unlink()
    subscriber.publish(HEAD, b"", retain=True)
    host.daemon.start()
    head = json.loads(subscriber.epoch(2))
    assert (head["offset"], head["changed"], head["config_epoch"]) == (1, {"router": 2}, host.repo.head())
    assert [r["reason"] for r in host.daemon.journal() if r["kind"] == "rewrite"] == ["upgrade"]
    assert "of_the_old_version" not in json.loads(subscriber.on("system/config/router")[-1])["config"]


def refused_to_start(host):
    end = subprocess.run([str(EPOCHD)], env=host.daemon.env, stderr=subprocess.PIPE, text=True, timeout=STUCK_S, check=False)
    assert end.returncode == 3, end.stderr
    return json.loads(end.stderr.splitlines()[-1])


def test_a_journal_of_a_newer_version_is_refused_and_left_as_it_is(host):
    host.stop()
    lines = host.daemon.journal()
    newer = Keys(host.daemon.state).journal_of([{**lines[0], "format": 2}, *lines[1:]])
    (host.daemon.state / "journal.jsonl").write_bytes(newer)
    said = refused_to_start(host)
    assert said["code"] == "format-newer" and "2" in said["message"]
    assert host.kept("journal.jsonl") == newer


def test_a_keyset_of_a_newer_version_is_refused_and_left_as_it_is(host):
    host.stop()
    path, keys = host.daemon.state / "keys/keyset.json", Keys(host.daemon.state)
    newer = keys.sign(keys.root, path.read_text(), format=2)
    path.write_text(newer)
    said = refused_to_start(host)
    assert said["code"] == "format-newer" and path.read_text() == newer


def test_a_snapshot_of_a_newer_version_is_passed_over(host, home, subscriber):
    host.stop()
    snapshot, keys = host.daemon.state / "config.lkg.json", Keys(host.daemon.state)
    whole = json.loads(snapshot.read_bytes())
    del whole["hmac"]
    whole["payload"]["format"] = 2
    order = {name: whole[name] for name in ("payload", "algorithm", "key_id")}
    snapshot.write_bytes(keys.seal(keys.lkg, json.dumps(order, separators=(",", ":"), ensure_ascii=False).encode()) + b"\n")
    host.daemon.start()
    assert host.daemon.wait("snapshot_refused")["code"] == "format-newer"
    host.daemon.snapshot(1)
    host.daemon.ctl("verify", "lkg", check=0)


# --- lost keys --------------------------------------------------------------------------------------------------------


def test_f74__without_the_root_key_nothing_stops(host, home, subscriber):
    host.stop()
    (host.daemon.state / "keys/root.key").unlink()
    host.daemon.start()
    change(home, 2)
    subscriber.epoch(2)


@pytest.mark.parametrize("name", ["signing.key", "journal.key", "lkg.key", "root.pub"])
def test_f74__a_missing_key_is_named_never_made_anew_and_restored_from_the_backup(host, home, subscriber, name):
    host.type("backup")
    host.stop()
    path = host.daemon.state / "keys" / name
    path.unlink()
    said = refused_to_start(host)
    assert said["code"] == "key-file" and name in said["message"] and not path.exists()
    shutil.copy2(host.places["/root/backup"] / "state/keys" / name, path)
    host.daemon.start()
    change(home, 2)
    subscriber.epoch(2)


def test_f74__a_lost_lkg_key_is_made_anew_with_the_root_key(host, home, subscriber):
    subscriber.epoch(1)
    keyset = host.kept("keys/keyset.json")
    (host.daemon.state / "keys/lkg.key").unlink()
    host.type("lost-lkg-key")
    assert host.daemon.wait("snapshot_refused")["code"] == "lkg-bad-mac" and host.kept("keys/keyset.json") == keyset
    host.daemon.snapshot(1)
    host.daemon.ctl("verify", "lkg", check=0)
    change(home, 2)
    assert json.loads(subscriber.epoch(2))["parent"]["epoch"] == 1


def test_f74__a_lost_journal_key_begins_a_new_journal_under_the_snapshot(host, home, subscriber):
    change(home, 2)
    host.daemon.snapshot(2)
    before = subscriber.epoch(2)
    (host.daemon.state / "keys/journal.key").unlink()
    host.type("lost-journal-key")
    host.daemon.wait("recovered", epoch=2)
    change(home, 3)
    assert json.loads(subscriber.epoch(3))["parent"]["sha256"] == hashlib.sha256(before).hexdigest()
    host.daemon.snapshot(3)
    host.daemon.ctl("verify", "journal", check=0)
    host.systemctl(["restart"])
    host.daemon.wait("recovered", epoch=3)
    host.daemon.state_is("ok")


def test_f74__a_lost_signing_key_is_a_new_publisher(host, home, broker, ends):
    change(home, 2)
    host.daemon.published(2)
    old = host.kept("keys/root.pub")
    (host.daemon.state / "keys/signing.key").unlink()
    said = host.type("new-keys")
    new = host.kept("keys/root.pub")
    assert new != old and new.decode().strip() in said
    host.daemon.published(2)
    late = ends(Subscriber(broker.port))
    keyset = json.loads(late.wait(f"system/keys/{SOURCE}", bool))
    assert keyset["generation"] == 1 and json.loads(late.epoch(2))["key_id"] == keyset["keys"][0]["id"]
