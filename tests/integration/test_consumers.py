"""What consumers acknowledge, and what becomes of it: the daemon's table, the page, wait, hooks, forget."""
import json
import re
import subprocess
import time

import pytest
from consumers import Consumer, ack, applies, refuses
from harness import BUILD, EPOCHCTL, PATIENCE_S, STUCK_S, Broker, Daemon, Repo, ctl
from programs import Program

STT, TTS = "services/audio/stt-worker.yaml", "services/audio/tts-worker.yaml"


def consumers(daemon):
    return json.loads((daemon.run / "consumers.json").read_text())


def table(daemon):
    return {f"{service['service']}@{instance['instance']}": instance for service in consumers(daemon)["services"]
            for instance in service["instances"]}


def until(daemon, accept, look=table, seconds=PATIENCE_S):
    """The table once it is accepted; the file is replaced within 50 ms of a change."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            found = look(daemon)
        except FileNotFoundError:
            found = None
        if found is not None and accept(found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.01)  # that a file was replaced is told by no event of the daemon


def state_of(daemon, name, state):
    return until(daemon, lambda seen: seen.get(name, {}).get("state") == state)[name]


@pytest.fixture
def joined(broker, ends):
    def join(service, instance, answer=None):
        return ends(Consumer(broker.port, service, instance, answer))
    return join


# --- what they say ----------------------------------------------------------------------------------------------------


def test_who_applied_and_who_refused_is_known_with_reasons(daemon, home, joined):
    joined("stt-worker", "pi3", applies)
    joined("tts-worker", "pi3", refuses("no such voice"))
    refused = state_of(daemon, "tts-worker@pi3", "refused")
    assert (refused["reason"], refused["signature"], refused["version"]) == ("no such voice", "unsigned", 1)
    state_of(daemon, "stt-worker@pi3", "applied")
    home.commit({STT: "rate: 2\n"})
    applied = until(daemon, lambda seen: seen["stt-worker@pi3"]["version"] == 2)
    assert applied["stt-worker@pi3"]["state"] == "applied"
    assert applied["tts-worker@pi3"]["state"] == "refused", "its service has not changed"
    totals = daemon.status_when(lambda status: status["consumers"]["applied"] == 1)["consumers"]
    assert (totals["refused"], totals["listening"]) == (1, True)


def test_who_does_not_answer_is_behind(daemon, home, joined):
    silent = joined("stt-worker", "pi3").acknowledge(1)
    state_of(daemon, "stt-worker@pi3", "applied")
    home.commit({STT: "rate: 2\n"})
    state_of(daemon, "stt-worker@pi3", "behind")
    silent.acknowledge(2)
    state_of(daemon, "stt-worker@pi3", "applied")


def test_last_will_and_clean_end_say_gone_and_another_takes_the_place(daemon, joined):
    first = joined("stt-worker", "pi3", applies)
    state_of(daemon, "stt-worker@pi3", "applied")
    first.vanish()
    state_of(daemon, "stt-worker@pi3", "gone")
    joined("stt-worker", "pi4", applies)
    state_of(daemon, "stt-worker@pi4", "applied")
    joined("stt-worker", "pi3", applies)
    state_of(daemon, "stt-worker@pi3", "applied")


def test_an_epoch_that_does_not_exist_is_ahead_and_a_removed_service_stray(daemon, home, joined):
    joined("stt-worker", "future").acknowledge(4711)
    state_of(daemon, "stt-worker@future", "ahead")
    joined("router", "hub", applies)
    state_of(daemon, "router@hub", "applied")
    path = next(home.path.rglob("router.yaml")).relative_to(home.path)
    home.git("rm", "-q", str(path))
    home.commit(None, "no router")
    state_of(daemon, "router@hub", "stray")
    joined("never-was", "x").acknowledge(1)
    state_of(daemon, "never-was@x", "stray")


def test_garbage_is_counted_and_changes_nothing(daemon, joined):
    good = joined("stt-worker", "pi3", applies)
    state_of(daemon, "stt-worker@pi3", "applied")
    before = consumers(daemon)["discarded"]
    stranger = joined("tts-worker", "evil")
    garbage = [b"{", b"\xff\xfe\x00", b"[]", b"x" * 60000, ack("router", "evil", 1), ack("tts-worker", "other", 1),
               ack("tts-worker", "evil", 1, reason="r" * 501), ack("tts-worker", "evil", 1, reason="\x1b[2J"),
               ack("tts-worker", "evil", 1, source="other"), ack("tts-worker", "evil", 1, key_id="0" * 16),
               ack("tts-worker", "evil", 1, status="maybe"), ack("tts-worker", "evil", -1), ack("tts-worker", "evil", 2**60),
               ack("tts-worker", "evil", 1, overridden=["/a"] * 65), ack("tts-worker", "evil", 1, format=2)]
    for payload in garbage:
        stranger.say(payload)
    for topic in ("system/ack/UPPER/x", "system/ack/stt-worker/.x"):
        stranger.say(ack("stt-worker", "x", 1), topic)
    seen = until(daemon, lambda told: told["discarded"] - before >= len(garbage), consumers)
    assert seen["discarded"] - before == len(garbage)
    assert set(table(daemon)) == {"stt-worker@pi3"}
    assert good.connected.is_set() and daemon.status()["state"] == "ok"


def test_a_signature_by_a_key_nobody_knows_is_shown_as_such(daemon, joined):
    from nacl.signing import SigningKey
    key = SigningKey(bytes(range(32)))
    body = ack("stt-worker", "pi3", 1, key_id="0123456789abcdef")
    signed = body[:-1] + b',"signature":"' + key.sign(body).signature.hex().encode() + b'"}'
    joined("stt-worker", "pi3").say(signed)
    entry = state_of(daemon, "stt-worker@pi3", "applied")
    assert (entry["signature"], entry["key_id"]) == ("unknown-key", "0123456789abcdef")
    assert "signed by unknown key 0123456789abcdef" in daemon.ctl("status").stdout


def flood(port, topic, line):
    """As fast as a small C program can, until it is killed."""
    yes = subprocess.Popen(["yes", line], stdout=subprocess.PIPE)
    writer = subprocess.Popen(["mosquitto_pub", "-V", "5", "-h", "127.0.0.1", "-p", str(port), "-t", topic, "-l"], stdin=yes.stdout)
    yes.stdout.close()
    return yes, writer


def test_a_flood_costs_a_bounded_part_of_the_time_and_no_epoch_waits_for_it(daemon, home, broker, joined):
    joined("stt-worker", "pi3", applies)
    state_of(daemon, "stt-worker@pi3", "applied")
    before, began, taken = daemon.usage()[0], time.monotonic(), consumers(daemon)["taken"]

    def is_flooded(told):
        return told["discarded"] > 1000 and told["taken"] - taken > 1000

    writers = [process for topic, line in (("tts-worker/evil", ack("tts-worker", "evil", 1, reason="x" * 400).decode()), ("router/evil", "garbage"))
               for process in flood(broker.port, f"system/ack/{topic}", line)]
    try:
        while not is_flooded(consumers(daemon)) or home.count() < 5:
            number = home.count() + 1
            home.commit({STT: f"rate: {number}\n"})
            daemon.published(number)
        seconds, passed = daemon.usage()[0] - before, time.monotonic() - began
    finally:
        for process in writers:
            process.kill()
            process.wait()
    until(daemon, lambda _: table(daemon)["stt-worker@pi3"]["version"] == home.count())
    assert seconds / passed < 0.5, (seconds, passed)


# --- who is expected --------------------------------------------------------------------------------------------------


def service(daemon, name):
    return next((entry for entry in consumers(daemon)["services"] if entry["service"] == name), {})


def test_who_is_expected_and_not_there_is_missing(daemon, home, joined):
    home.commit({"epoch.yaml": "consumers: {stt-worker: 2, router: 1}\n"})
    until(daemon, lambda told: told["totals"]["missing"] == 3, consumers)
    assert "stt-worker\tmissing\t-\t-\t0 of 2 there" in daemon.ctl("status").stdout
    late = daemon.ctl("wait", "2", "--for", "applied", "--timeout", "1", check=4)
    assert late.stdout == "epoch 2 not applied in time: no word of router (0 of 1 there), stt-worker (0 of 2 there)\n"
    joined("stt-worker", "pi3", applies)
    gone = joined("router", "hub", applies)
    until(daemon, lambda told: told["totals"]["missing"] == 1, consumers)
    gone.vanish()
    until(daemon, lambda told: told["totals"]["missing"] == 2, consumers)
    home.commit({"epoch.yaml": "consumers: {stt-worker: 1}\n"})
    until(daemon, lambda told: told["totals"]["missing"] == 0, consumers)
    daemon.ctl("wait", "--for", "applied", check=0)
    daemon.stop()
    daemon.start()
    until(daemon, lambda told: told["listening"] and told["totals"]["expected"] == 1, consumers)
    home.commit({"epoch.yaml": "{}\n"})
    until(daemon, lambda told: told["totals"]["expected"] == 0, consumers)


# --- the library ------------------------------------------------------------------------------------------------------


def test_what_the_library_acknowledges_is_what_the_daemon_shows(daemon, home, broker, tmp_path, ends):
    """examples/04-refuse.c over libepoch, killed in the end: its last will says so."""
    program = ends(Program(BUILD / "examples/04-refuse", broker.url, daemon.state / "keys/root.pub", tmp_path / "cache", "en_GB-alba-medium"))
    name = next(iter(until(daemon, lambda seen: seen)))
    assert name.startswith("tts-worker@")
    applied = state_of(daemon, name, "applied")
    assert applied["library"].startswith("libepoch ") and applied["signature"] == "unsigned"
    home.commit({TTS: (home.path / TTS).read_text().replace("en_GB-alba-medium", "xx_XX-nobody")})
    assert state_of(daemon, name, "refused")["reason"] == "no such voice: xx_XX-nobody"
    refused = daemon.ctl("wait", "2", "--for", "applied", "--service", "tts-worker", check=1)
    assert refused.stdout.endswith(f"{name} refused: no such voice: xx_XX-nobody\n")
    program.process.kill()
    state_of(daemon, name, "gone")


# --- connections ------------------------------------------------------------------------------------------------------


def test_what_is_retained_is_known_again_after_a_restart(daemon, joined):
    joined("stt-worker", "pi3", applies)
    state_of(daemon, "stt-worker@pi3", "applied")
    daemon.kill()
    daemon.start()
    state_of(daemon, "stt-worker@pi3", "applied")


def test_a_broker_that_forgot_everything_makes_everybody_gone_until_they_say_it_again(tmp_path, home, ends):
    broker = ends(Broker(tmp_path / "broker"))
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    consumer = ends(Consumer(broker.port, "stt-worker", "pi3"))
    consumer.acknowledge(1)
    state_of(daemon, "stt-worker@pi3", "applied")
    consumer.client.loop_stop()
    broker.kill()
    daemon.wait("broker_away")
    until(daemon, lambda told: not told["listening"], consumers)
    assert table(daemon)["stt-worker@pi3"]["state"] == "applied", "as it was, while nobody can say otherwise"
    broker.start()
    state_of(daemon, "stt-worker@pi3", "gone")
    again = ends(Consumer(broker.port, "stt-worker", "pi3"))
    again.acknowledge(1)
    state_of(daemon, "stt-worker@pi3", "applied")


# --- the page ---------------------------------------------------------------------------------------------------------


def test_status_shows_who_runs_what_and_who_refused(daemon, joined):
    joined("stt-worker", "pi3", applies)
    joined("tts-worker", "pi3", refuses("no such voice"))
    joined("router", "hub").acknowledge(1, overridden=["/port"], restart_pending=["/mode"])
    until(daemon, lambda seen: len(seen) == 3)
    page = daemon.ctl("status", check=0).stdout
    assert "2/3 applied epoch 1, 1 refused" in page
    rows = [line.split("\t") for line in page.splitlines() if "@" in line and "\t" in line]
    assert [row[:3] for row in rows] == [["tts-worker@pi3", "refused", "1"], ["router@hub", "applied", "1"], ["stt-worker@pi3", "applied", "1"]]
    assert rows[0][4] == "no such voice; unsigned"
    assert rows[1][4] == "FRESH; restart for /mode; overridden /port; unsigned"


# --- wait -------------------------------------------------------------------------------------------------------------


def test_wait_for_applied_ends_when_all_have_it(daemon, home, joined):
    joined("stt-worker", "pi3", applies)
    joined("router", "hub", applies)
    until(daemon, lambda seen: len(seen) == 2)
    process = subprocess.Popen([EPOCHCTL, "wait", "2", "--for", "applied", "--timeout", str(PATIENCE_S)], env=daemon.env,
                               stdout=subprocess.PIPE, text=True)
    home.commit({STT: "rate: 2\n"})
    assert process.communicate(timeout=PATIENCE_S)[0] == "epoch 2 applied by 2 of 2\n" and process.returncode == 0


def test_wait_for_applied_tells_who_refused_and_who_is_missing(daemon, home, joined):
    joined("tts-worker", "pi3", refuses("no such voice"))
    silent = joined("stt-worker", "pi3").acknowledge(1)
    until(daemon, lambda seen: len(seen) == 2)
    refused = daemon.ctl("wait", "1", "--for", "applied", check=1)
    assert refused.stdout == "epoch 1 applied by 1 of 2\ntts-worker@pi3 refused: no such voice\n"
    home.commit({STT: "rate: 2\n"})
    late = daemon.ctl("wait", "2", "--for", "applied", "--service", "stt-worker", "--timeout", "1", check=4)
    assert late.stdout == "epoch 2 not applied in time: no word of stt-worker@pi3 (has 1)\n"
    told = json.loads(daemon.ctl("wait", "2", "--for=applied", "--service=stt-worker", "--timeout=0", "--json", check=4).stdout)
    assert (told["answer"], told["applied"], told["consumers"], told["waiting"]) == ("timed-out", 0, 1, "stt-worker@pi3 (has 1)")
    silent.acknowledge(2)
    daemon.ctl("wait", "2", "--for", "applied", "--service", "stt-worker", check=0)


def test_wait_for_applied_where_nobody_is_known(daemon):
    daemon.wait("acks_heard")
    nobody = daemon.ctl("wait", "1", "--for", "applied", check=0)
    assert "no consumer acknowledged, and epoch.yaml expects none" in nobody.stdout
    named = daemon.ctl("wait", "1", "--for", "applied", "--service", "router", "--timeout", "1", check=4)
    assert named.stdout == "epoch 1 not applied in time: nobody of router has acknowledged anything\n"
    daemon.ctl("wait", "1", "--service", "router", check=2)


def test_wait_for_applied_says_as_status_does_who_is_gone(daemon, joined):
    joined("stt-worker", "pi3").acknowledge(1).vanish()
    joined("router", "hub").acknowledge(1)
    state_of(daemon, "stt-worker@pi3", "gone")
    state_of(daemon, "router@hub", "applied")
    assert "1/1 applied epoch 1, 1 gone\n" in daemon.ctl("status", check=0).stdout
    assert daemon.ctl("wait", "1", "--for", "applied", check=0).stdout == "epoch 1 applied by 1 of 1, 1 gone\n"
    named = daemon.ctl("wait", "1", "--for", "applied", "--service", "stt-worker", "--timeout", "0", check=4)
    assert named.stdout == "epoch 1 not applied in time: nobody of stt-worker is there, 1 gone\n"
    told = json.loads(daemon.ctl("wait", "1", "--for=applied", "--json", check=0).stdout)
    assert (told["applied"], told["consumers"], told["gone"]) == (1, 1, 1)


# --- hooks ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def served(home, daemon):
    ctl("init", home.path, check=0)
    return home


def commit(repo, daemon, files, message="change"):
    """What the hooks say."""
    repo.write(files)
    repo.git("add", "-A")
    return repo.git("commit", "-qm", message, **daemon.settings).stderr


def test_n01__a_commit_prints_who_applied_it_and_who_refused(daemon, served, joined):
    joined("stt-worker", "pi3", applies)
    joined("tts-worker", "pi3", refuses("no such voice"))
    until(daemon, lambda seen: len(seen) == 2)
    said = commit(served, daemon, {STT: "rate: 2\n"})
    epoch = served.count()
    assert re.search(rf"^epochd: epoch {epoch} published: stt-worker \(\d+\.\d s\)\n  1/2 applied epoch {epoch}\n"
                     r"  tts-worker@pi3 refused: no such voice$", said, re.M), said


def test_n01__a_push_prints_it_to_whoever_pushed(tmp_path, broker, ends):
    ctl("init", tmp_path / "hub.git", "--bare", check=0)
    laptop = Repo.home(tmp_path / "laptop")
    laptop.git("remote", "add", "origin", str(tmp_path / "hub.git"))
    laptop.git("push", "-q", "origin", "main", check=False)
    daemon = ends(Daemon(tmp_path / "epochd", tmp_path / "hub.git", broker))
    daemon.published(1)
    ends(Consumer(broker.port, "stt-worker", "pi3", applies))
    state_of(daemon, "stt-worker@pi3", "applied")
    laptop.commit({STT: "rate: 2\n"})
    said = laptop.git("push", "-q", "origin", "main", **daemon.settings).stderr
    assert re.search(r"epoch 2 published: stt-worker .*\nremote:\s+1/1 applied epoch 2", said), said


def test_a_commit_waits_for_nobody_who_cannot_say_anything_new(daemon, served, joined):
    """One that does not answer costs the commits of other services nothing, and those of its own the wait."""
    consumer = joined("stt-worker", "pi3").acknowledge(1)
    until(daemon, lambda seen: len(seen) == 1)
    served.commit({STT: "rate: 2\n"})
    daemon.published(2)
    began = time.monotonic()
    said = commit(served, daemon, {"services/router.yaml": "rate: 2\n"})
    assert "0/1 applied epoch 3\n  no word yet of stt-worker@pi3 (has 1)\n" in said and time.monotonic() - began < PATIENCE_S
    served.write({STT: "rate: 3\n"})
    own = subprocess.Popen(["git", "-C", served.path, "commit", "-qam", "change"], env=daemon.env, stderr=subprocess.PIPE, text=True)
    daemon.published(4)
    consumer.acknowledge(4)
    assert "1/1 applied epoch 4" in own.communicate(timeout=STUCK_S)[1]


def test_writing_verbs_print_it_too(daemon, served, joined):
    joined("stt-worker", "pi3", refuses("too fast"))
    until(daemon, lambda seen: len(seen) == 1)
    said = daemon.ctl("-C", str(served.path), "set", "stt-worker", "rate=3")
    assert "  0/1 applied epoch" in said.stdout + said.stderr and "  stt-worker@pi3 refused: too fast" in said.stdout + said.stderr


# --- forget -----------------------------------------------------------------------------------------------------------


def test_forget_clears_what_nobody_will_take_back(daemon, broker, joined):
    consumer = joined("stt-worker", "pi3").acknowledge(1)
    consumer.stop()  # a goodbye: no will
    state_of(daemon, "stt-worker@pi3", "applied")
    assert daemon.ctl("complete", "--", "forget", "stt", check=0).stdout == "stt-worker@pi3\tapplied\n"
    assert daemon.ctl("complete", "--", "forget", "x", check=0).stdout == ""
    assert "forgotten: stt-worker@pi3" in daemon.ctl("forget", "stt-worker@pi3", check=0).stdout
    until(daemon, lambda seen: seen == {})
    assert "[consumer-unknown]" in daemon.ctl("forget", "stt-worker@pi3", check=1).stderr
    daemon.ctl("forget", "stt-worker", check=2)
    daemon.kill()
    daemon.start()
    daemon.wait("acks_heard", consumers=0)
