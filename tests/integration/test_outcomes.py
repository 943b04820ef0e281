"""What the verbs that write, and those that ask the daemon, tell programs: one object, whatever happens."""
import json

import pytest
from harness import EPOCHCTL, Daemon, ctl, run

STT = "services/audio/stt-worker.yaml"
MEMBERS = {"verdict", "code", "message", "commit", "epoch", "services", "plan", "findings", "path"}


@pytest.fixture
def served(tmp_path, home, broker, ends):
    ctl("init", home.path, check=0)
    daemon = ends(Daemon(tmp_path / "epochd", home, broker))
    daemon.published(1)
    daemon.snapshot(1)
    return daemon


def told(result):
    out = json.loads(result.stdout)
    assert set(out) == MEMBERS
    return out


@pytest.mark.parametrize("verb, services", [
    (["set", "stt-worker", "sample_rate=8000"], ["stt-worker"]),
    (["unset", "stt-worker", "sample_rate"], ["stt-worker"]),
    (["add", "lamp"], ["lamp"]),
    (["mv", "router", "gateway"], ["gateway", "router"]),
    (["rm", "router"], ["router"]),
    (["edit", "stt-worker"], ["stt-worker"]),
], ids=lambda v: v[0])
def test_a_commit_tells_what_became_of_it(served, home, verb, services):
    out = told(served.ctl("-C", home.path, *verb, "--json", check=0, EDITOR="sed -i s/16000/8000/"))
    assert (out["verdict"], out["code"], out["commit"], out["epoch"]) == ("published", None, home.head(), 2)
    assert out["services"] == services == [service["service"] for service in out["plan"]["services"]]
    assert out["message"].startswith("epoch 2 published: ") and out["findings"] == []
    assert out["path"] == ("services/lamp.yaml" if verb[0] == "add" else None)


def test_a_rollback_tells_it_too(served, home):
    home.commit({STT: "rate: 2\n"})
    served.published(2)
    out = told(served.ctl("-C", home.path, "rollback", "1", "--json", check=0))
    assert (out["verdict"], out["epoch"], out["services"]) == ("published", 3, ["stt-worker"])


def test_what_is_not_written_says_so(served, home):
    before = home.head()
    out = told(served.ctl("-C", home.path, "set", "stt-worker", "sample_rate=16000", "--json", check=0))
    assert (out["verdict"], out["commit"], out["plan"]) == ("unchanged", None, None)
    out = told(served.ctl("-C", home.path, "set", "stt-worker", "sample_rate=1", "--json", "--dry-run", check=0))
    assert (out["verdict"], out["commit"], out["services"]) == ("dry-run", None, ["stt-worker"])
    assert home.head() == before


def test_a_refusal_has_the_code_and_the_findings(served, home, tmp_path):
    (tmp_path / "x.yaml").write_text("a: 1\na: 2\n")
    result = served.ctl("-C", home.path, "add", "lamp", "--from", tmp_path / "x.yaml", "--json", check=1)
    out = told(result)
    assert (out["verdict"], out["code"], out["commit"]) == ("refused", "yaml.duplicate-key", None)
    assert [(f["file"], f["line"], f["column"]) for f in out["findings"]] == [("services/lamp.yaml", 2, 1)]
    assert "services/lamp.yaml:2:1:" in result.stderr, "people are told as ever"
    out = told(served.ctl("-C", home.path, "set", "stt-worker", "a=1", "--expect", "9", "--json", check=1))
    assert (out["verdict"], out["code"]) == ("refused", "version-mismatch")
    out = told(served.ctl("-C", home.path, "rm", "ruter", "--json", check=2))
    assert (out["code"], out["message"]) == ("no-service", "there is no service 'ruter'; did you mean \"router\"?")


def test_a_commit_that_is_not_served_says_why(served, home):
    out = told(served.ctl("pause", "--reason", "a test", "--json", check=0))
    assert (out["verdict"], out["epoch"], out["message"]) == ("done", 1, "epochd is hold:paused")
    home.git("config", "epochd.wait", "0.1")
    out = told(served.ctl("-C", home.path, "set", "router", "level=debug", "--json", check=1))
    assert (out["verdict"], out["code"], out["epoch"], out["commit"]) == ("hold", "paused", None, home.head())
    assert told(served.ctl("resume", "--json", check=0))["verdict"] == "done"
    served.stop()
    out = told(served.ctl("-C", home.path, "set", "router", "level=info", "--json", check=0))
    assert (out["verdict"], out["epoch"]) == ("not-running", None)


def test_a_request_that_is_refused_or_cannot_be_asked(served):
    out = told(served.ctl("accept-rewrite", "1234567", "--json", check=1))
    assert out["verdict"] == "refused" and out["code"] == "request-refused" and out["message"]
    served.stop()
    for verb in (["resume"], ["accept-state-loss"]):
        assert told(served.ctl(*verb, "--json", check=3))["code"] == "not-running"


def test_for_people_a_new_file_is_named(home):
    result = run(EPOCHCTL, "-C", home.path, "add", "audio/lamp", check=0)
    assert "wrote services/audio/lamp.yaml\n" in result.stdout


def test_status_agrees_with_the_answer_to_a_request(tmp_path, home, broker, ends):
    """Whoever asks and looks at once sees what was answered."""
    daemon = ends(Daemon(tmp_path / "epochd", home, broker, EPOCHD_REPOSITORY_REWRITE="deny"))
    daemon.published(1)
    home.commit({STT: "rate: 2\n"})
    daemon.published(2)
    home.git("reset", "-q", "--hard", "HEAD~1")
    home.commit({STT: "rate: 3\n"})
    daemon.state_is("hold:history-rewritten")

    def status():
        text = json.loads((daemon.run / "status.json").read_text())
        return text["state"], text["epoch"]

    for _ in range(3):
        out = told(daemon.ctl("accept-rewrite", home.head(), "--json", check=0))
        assert out["message"] == "epochd is ok" and status() == ("ok", out["epoch"])
        out = told(daemon.ctl("pause", "--json", check=0))
        assert status() == ("hold:paused", out["epoch"])
        out = told(daemon.ctl("resume", "--json", check=0))
        assert status() == ("ok", out["epoch"])
        home.git("commit", "-q", "--amend", "--no-verify", "--allow-empty", "-m", "again")
        daemon.state_is("hold:history-rewritten")
