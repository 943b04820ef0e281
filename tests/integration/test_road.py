"""The road: from a commit to a subscriber, end to end."""
import hashlib
import json
import os
import subprocess
import time

from harness import PATIENCE_S, SOURCE, Broker, Daemon, Repo, Subscriber

SERVICES = {"stt-worker", "tts-worker", "wake-activation", "llm-worker", "memory-worker", "router"}
STT = "services/audio/stt-worker.yaml"
HEALTH = f"system/health/{SOURCE}"


def edit(repo, name, old, new, message="edit"):
    text = (repo.path / name).read_text()
    assert old in text
    return repo.commit({name: text.replace(old, new)}, message)


def test_first_start_serves_every_service_under_one_head(home, daemon, subscriber):
    head = json.loads(subscriber.epoch(1))
    assert head["services"] == 6 and set(head["changed"]) == SERVICES and head["parent"] is None
    assert head["config_epoch"] == home.head() and head["offset"] == 0
    for name in SERVICES:
        update = json.loads(subscriber.wait(f"system/config/{name}"))
        assert (update["service"], update["version"], update["config_epoch"]) == (name, 1, home.head())


def test_an_edit_publishes_what_changed_and_nothing_else(home, daemon, subscriber):
    subscriber.epoch(1)
    before = len(subscriber.messages)
    commit = edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    head = json.loads(subscriber.epoch(2))
    assert head["changed"] == {"stt-worker": 2} and head["config_epoch"] == commit
    assert head["parent"]["epoch"] == 1
    new = [topic for topic, _, _ in subscriber.messages[before:] if topic.startswith(("system/config/", "config/"))]
    assert sorted(new) == ["config/update", "system/config/stt-worker"]
    update = subscriber.on("config/update")[-1]
    assert update == subscriber.on("system/config/stt-worker")[-1], "the same signed bytes on both topics"
    assert json.loads(update)["config"]["vad_threshold"] == 0.6


def test_services_are_retained_and_announcements_are_not(home, daemon, broker, subscriber, ends):
    subscriber.epoch(1)
    late = ends(Subscriber(broker.port))
    late.epoch(1)
    assert late.on("config/update") == []
    assert all(retained for topic, _, retained in late.messages if topic.startswith(("system/config/", "system/epoch/")))


def test_a_head_names_the_digest_of_the_head_before(home, daemon, subscriber):
    first = subscriber.epoch(1)
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    second = json.loads(subscriber.epoch(2))
    assert second["parent"] == {"epoch": 1, "sha256": hashlib.sha256(first).hexdigest()}


def test_f44_f59__a_commit_that_changes_no_service_is_an_epoch_too(home, daemon, subscriber):
    home.commit({"README.md": "# new words\n"}, "readme")
    head = json.loads(subscriber.epoch(2))
    assert head["changed"] == {} and head["services"] == 6


def test_f59__a_moved_file_is_no_change(home, daemon, subscriber):
    home.git("mv", STT, "services/stt-worker.yaml")
    home.commit(message="move")
    assert json.loads(subscriber.epoch(2))["changed"] == {}
    edit(home, "services/stt-worker.yaml", "vad_threshold: 0.55", "vad_threshold: 0.6")
    assert json.loads(subscriber.epoch(3))["changed"] == {"stt-worker": 3}


def test_an_invalid_commit_is_refused_by_place_and_the_last_epoch_stays(home, daemon, subscriber):
    good = subscriber.epoch(1)
    bad = home.commit({STT: "a: 1\nb: 2\na: 3\n"}, "twice")
    health = json.loads(subscriber.wait(HEALTH, lambda p: json.loads(p)["data"]["event"] == "rejected"))
    finding = health["data"]["findings"][0]
    assert (finding["file"], finding["line"], finding["column"], finding["code"]) == (STT, 3, 1, "yaml.duplicate-key")
    assert health["data"]["ok"] is False and health["data"]["epoch"] == 1
    assert subscriber.on(f"system/epoch/{SOURCE}")[-1] == good
    assert [r["code"] for r in daemon.journal() if r["kind"] == "rejected" and r["commit"] == bad] == ["yaml.duplicate-key"]


def test_f56__one_invalid_service_refuses_all_of_the_commit_and_all_findings_are_told(home, daemon, subscriber):
    text = (home.path / "services/router.yaml").read_text()
    home.commit({STT: "a: [1\n", "services/audio/tts-worker.yaml": "<<: {a: 1}\n", "services/router.yaml": text + "extra: 1\n"})
    health = json.loads(subscriber.wait(HEALTH, lambda p: json.loads(p)["data"]["event"] == "rejected"))
    assert {f["code"] for f in health["data"]["findings"]} == {"yaml.syntax", "yaml.merge-key"}
    assert daemon.status()["epoch"] == 1


def test_the_next_good_commit_simply_moves_on(home, daemon, subscriber):
    home.commit({STT: "a: [1\n"}, "broken")
    daemon.wait("epoch_rejected")
    home.commit({STT: "a: [1]\n"}, "mended")
    head = json.loads(subscriber.epoch(3))
    assert head["changed"] == {"stt-worker": 3} and head["parent"]["epoch"] == 1


def test_f57__a_removed_service_leaves_a_tombstone_and_then_nothing(home, daemon, subscriber, broker, ends):
    home.commit({"services/brain/memory-worker.yaml": None}, "forget")
    head = json.loads(subscriber.epoch(2))
    assert head["changed"] == {"memory-worker": 2} and head["services"] == 5
    tombstone = json.loads(subscriber.wait("system/config/memory-worker", lambda p: p and json.loads(p)["version"] == 2))
    assert tombstone["config"] is None
    index = subscriber.wait(f"system/index/{SOURCE}", lambda p: json.loads(p)["epoch"] == 2)
    assert "memory-worker" not in json.loads(index)["services"]
    assert subscriber.wait("system/config/memory-worker", lambda p: p == b"") == b""
    late = ends(Subscriber(broker.port))
    late.epoch(2)
    assert late.on("system/config/memory-worker") == []


def test_f41__a_push_of_1000_commits_is_one_epoch_and_999_superseded(tmp_path, broker, ends):
    bare = Repo(tmp_path / "config.git", bare=True)
    laptop = Repo(tmp_path / "laptop")
    laptop.commit({"services/a.yaml": "n: 0\n"}, "begin")
    laptop.git("push", "-q", str(bare.path), "main")
    subscriber = ends(Subscriber(broker.port))
    daemon = ends(Daemon(tmp_path / "epochd", bare, broker))
    daemon.published(1)
    stream = "".join(
        f"commit refs/heads/main\ncommitter Ada <ada@example.org> {1700000000 + n} +0000\ndata 1\nx\n"
        + ("from refs/heads/main^0\n" if n == 1 else "") + f"M 100644 inline services/a.yaml\ndata {len(f'n: {n}') + 1}\nn: {n}\n\n"
        for n in range(1, 1001))
    laptop.git("fast-import", "--quiet", stdin=stream)
    laptop.git("push", "-q", str(bare.path), "main")
    head = json.loads(subscriber.epoch(1001))
    assert head["changed"] == {"a": 1001} and head["config_epoch"] == laptop.head("main")
    daemon.published(1001)
    superseded = [c for r in daemon.journal() if r["kind"] == "superseded" for c in r["commits"]]
    assert len(superseded) == 999
    assert set(superseded) | {head["config_epoch"]} == set(laptop.git("rev-list", "main", "-n", "1000").stdout.split())
    assert [json.loads(p)["epoch"] for p in subscriber.on(f"system/epoch/{SOURCE}")] == [1, 1001]


def test_f43__commits_made_while_it_was_away_are_found_at_the_start(home, daemon, subscriber):
    assert daemon.stop() == 0
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    edit(home, STT, "vad_threshold: 0.6", "vad_threshold: 0.7")
    daemon.start()
    assert json.loads(subscriber.epoch(3))["changed"] == {"stt-worker": 3}
    assert [len(r["commits"]) for r in daemon.journal() if r["kind"] == "superseded"] == [1]


def test_a_restart_serves_the_same_bytes(home, daemon, broker, subscriber):
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    subscriber.epoch(2)
    daemon.published(2)
    before = {topic: payload for topic, payload, _ in subscriber.messages if topic.startswith(("system/config", "system/epoch", "system/keys"))}
    daemon.stop()
    broker.kill()
    broker.start()  # with an empty store
    daemon.start()
    daemon.wait("broker_connected")
    again = Subscriber(broker.port)
    try:
        again.epoch(2)
        assert {t: again.wait(t) for t in before} == before
    finally:
        again.close()


def test_a_start_with_the_broker_down_commits_and_publishes_when_it_comes(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    broker.kill()
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.committed(1)
    daemon.snapshot(1)
    daemon.state_is("degraded:broker-away")
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    daemon.committed(2)
    broker.start()
    daemon.published(2)
    daemon.state_is("ok")
    verdicts = [(r["kind"], r.get("epoch")) for r in daemon.journal() if r["kind"] in ("committed", "published", "superseded")]
    assert verdicts == [("committed", 1), ("committed", 2), ("superseded", 1), ("published", 2)]


def test_a_broker_that_lost_everything_gets_everything_again(home, daemon, broker, ends):
    broker.kill()
    daemon.wait("broker_away")
    broker.start()
    again = ends(Subscriber(broker.port))
    again.epoch(1)
    for name in SERVICES:
        assert json.loads(again.wait(f"system/config/{name}"))["version"] == 1


def test_sigterm_says_goodbye_and_exits_0(daemon, subscriber):
    assert daemon.stop() == 0
    health = json.loads(subscriber.wait(HEALTH, lambda p: json.loads(p)["data"]["event"] == "shutdown"))
    assert health["data"]["ok"] is False
    assert json.loads(subscriber.on(HEALTH)[-1])["data"]["event"] == "shutdown", "the will is not the last word"


def test_kill_9_leaves_the_will(daemon, subscriber):
    daemon.kill()
    assert json.loads(subscriber.wait(HEALTH, lambda p: json.loads(p)["data"]["event"] == "lost"))["data"]["ok"] is False


def test_a_second_daemon_on_the_same_state_is_refused_with_the_pid_of_the_first(tmp_path, home, daemon):
    second = subprocess.run([str(__import__("harness").EPOCHD)], env=daemon.env, text=True, capture_output=True, check=False)
    assert second.returncode == 3
    assert str(daemon.process.pid) in second.stderr and '"code":"locked"' in second.stderr


def test_keepalives_are_signed_and_their_sequence_rises(tmp_path, home, broker, subscriber, ends):
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_MQTT_HEARTBEAT_S="1"))
    daemon.published(1)
    topic = f"system/keepalive/{SOURCE}"
    first = json.loads(subscriber.wait(topic))
    second = json.loads(subscriber.wait(topic, lambda p: json.loads(p)["sequence"] > first["sequence"]))
    assert second["ttl_s"] == 3 and second["epoch"] == 1
    assert second["head"] == hashlib.sha256(subscriber.epoch(1)).hexdigest()


def test_nothing_leaves_before_the_journal_is_durable(tmp_path, home, broker, ends):
    """strace sees the order: the journal's sync returns before the first PUBLISH of the epoch is written."""
    trace = tmp_path / "trace"
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, wrapper=["strace", "-f", "-y", "-s", "4096", "-o", str(trace), "-e", "trace=fdatasync,fsync,pwrite64,write,sendto,send"]))
    daemon.published(1)
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    daemon.published(2)
    subprocess.run(["pkill", "-TERM", "-P", str(daemon.process.pid)], check=True)
    daemon.process.wait(PATIENCE_S)
    events = []
    for line in trace.read_text(errors="replace").splitlines():
        if "pwrite64" in line and "journal.jsonl" in line and '\\"kind\\":\\"committed\\"' in line and '\\"epoch\\":2' in line:
            events.append("append")
        elif "fdatasync(" in line and "journal.jsonl" in line and "append" in events and "sync" not in events and line.endswith("= 0"):
            events.append("sync")
        elif ("write(" in line or "send" in line) and "socket:" in line and "system/config/stt-worker" in line and "0.6" in line:
            events.append("publish")
    assert events[:3] == ["append", "sync", "publish"], events


def test_the_snapshot_follows_within_a_second_and_verifies(home, daemon):
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    daemon.snapshot(2)
    assert "epoch 2" in daemon.ctl("verify", "lkg", check=0).stdout
    assert "verified" in daemon.ctl("verify", "journal", check=0).stdout


def test_a_request_id_of_the_commit_follows_it_into_message_and_log(home, daemon, subscriber):
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6", "quieter\n\nRequest-Id: ticket-4711.a")
    assert json.loads(subscriber.epoch(2))["correlation_id"] == "ticket-4711.a"
    assert json.loads(subscriber.on("config/update")[-1])["correlation_id"] == "ticket-4711.a"
    assert daemon.wait("epoch_committed", epoch=2)["correlation_id"] == "ticket-4711.a"


def test_another_branch_is_not_served_and_a_branch_with_slashes_is(tmp_path, home, broker, subscriber, ends):
    home.git("branch", "site/kitchen")
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_BRANCH="site/kitchen"))
    daemon.published(1)
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.9")  # on main
    home.git("checkout", "-q", "site/kitchen")
    commit = edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.1")
    assert json.loads(subscriber.epoch(2))["config_epoch"] == commit


def test_f47__the_poll_finds_what_inotify_does_not_tell(tmp_path, home, broker, subscriber, ends):
    """A ref written through a bind mount of another name space would be silent; here inotify is not to be had at all."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_POLL_S="1",
                         wrapper=["strace", "-f", "-o", "/dev/null", "-e", "trace=inotify_init1", "-e", "inject=inotify_init1:error=EMFILE"]))
    daemon.state_is("degraded:poll-only")
    edit(home, STT, "vad_threshold: 0.55", "vad_threshold: 0.6")
    subscriber.epoch(2)
    subprocess.run(["pkill", "-TERM", "-P", str(daemon.process.pid)], check=True)
    daemon.process.wait(PATIENCE_S)


def test_an_empty_repository_is_a_state_and_its_first_commit_an_epoch(tmp_path, broker, subscriber, ends):
    repo = Repo(tmp_path / "config")
    daemon = ends(Daemon(tmp_path / "epochd", repo, broker))
    assert daemon.status()["state"] == "empty"
    repo.commit({"services/a.yaml": "x: 1\n"}, "begin")
    assert json.loads(subscriber.epoch(1))["changed"] == {"a": 1}
    daemon.wait("status_written", state="ok")
    assert daemon.status()["state"] == "ok"


def test_random_kills_while_committing_lose_no_commit(tmp_path, home, broker, subscriber, ends):
    """kill -9 again and again while commits come; at the end every commit has a verdict and no epoch was published twice with other bytes."""
    rounds = 12
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.published(1)
    seed = os.urandom(rounds)
    commits = [home.head()]
    for n in range(rounds):
        committer = subprocess.Popen(["sh", "-c", f"for i in 1 2 3; do echo 'n: {n}'$i > services/n.yaml; git add -A; git commit -q -m n; done"],
                                     cwd=home.path, env=__import__("harness").environment())
        try:
            committer.wait(seed[n] / 1500)
        except subprocess.TimeoutExpired:
            pass
        daemon.kill()
        committer.wait(PATIENCE_S)
        daemon.start(wait=False)
    daemon.wait("started")
    last = home.count()
    subscriber.epoch(last)
    daemon.wait("status_written", published=last)  # in this run, or found in the journal
    commits = home.git("rev-list", "main").stdout.split()
    journal = daemon.journal()
    verdicts = {}
    for record in journal:
        if record["kind"] in ("committed", "rejected"):
            verdicts[record["commit"]] = record["kind"]
        for commit in record.get("commits", []):
            verdicts.setdefault(commit, "superseded")
    assert set(commits) == set(verdicts)
    heads = {}
    for payload in subscriber.on(f"system/epoch/{SOURCE}"):
        assert heads.setdefault(json.loads(payload)["epoch"], payload) == payload
    daemon.ctl("verify", "journal", check=0)


def test_a_snapshot_comes_while_commits_never_stop(home, daemon):
    """It waits for a quiet moment, and there is none: each commit follows on the heels of the one before."""
    daemon.snapshot(1)
    tree, tip, patience = home.head("HEAD^{tree}"), home.head(), time.monotonic() + PATIENCE_S
    while not any(line.get("event") == "snapshot_written" and line["epoch"] > 1 for line in daemon.lines):
        assert time.monotonic() < patience, "no snapshot while commits come"
        tip = home.git("commit-tree", "-p", tip, "-m", "next", tree).stdout.strip()
        home.git("update-ref", "refs/heads/main", tip)
        daemon.wait("epoch_committed", config_epoch=tip)


def test_without_a_broker_committed_is_final(tmp_path, home, ends):
    """Nothing can be published, so nothing is overtaken; wait and rollback take what is committed."""
    daemon = ends(Daemon(tmp_path / "epochd", home))
    for n in (2, 3):
        home.commit({"services/router.yaml": f"round: {n}\n"}, f"round {n}")
        daemon.committed(n)
    assert daemon.ctl("wait", "--timeout", "20s", check=0).stdout.endswith(" committed\n")
    assert {record["kind"] for record in daemon.journal()} == {"baseline", "keyset", "committed"}
    assert [entry["verdict"] for entry in daemon.status_when(lambda s: s["epoch"] == 3)["recent"]] == ["committed"] * 3
    home.git("config", "user.name", "Ada")
    home.git("config", "user.email", "ada@example.org")
    daemon.ctl("rollback", cwd=home.path, check=0)
    daemon.committed(4)
    assert home.git("show", "HEAD:services/router.yaml").stdout == "round: 2\n"
    daemon.kill()
    daemon.start()
    daemon.wait("recovered", epoch=4)
    assert "superseded" not in daemon.ctl("log", check=0).stdout
