"""Runs as root in a booted machine (nspawn.py): installs the packages and lives with them. Each check is a function; what it found goes to
/test/results.json, a line of text for a failure, null for success."""
import json
import os
import pwd
import re
import signal
import subprocess
import time
import traceback
from pathlib import Path

TEST = Path("/test")
HEALTH = "system/health/config-manager"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/root"}
GIT = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in (("NAME", "Ada"), ("EMAIL", "ada@example.org"))}


def sh(command, check=True, user=None, **env):
    if user is not None:
        command = f"exec setpriv --reuid {user} --regid {pwd.getpwnam(user).pw_gid} --init-groups sh -c '{command}'"
        env = {"HOME": pwd.getpwnam(user).pw_dir, **env}
    done = subprocess.run(["sh", "-c", command], env={**ENV, **GIT, **env}, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, cwd="/")
    print(f"$ {command}\n{done.stdout}[{done.returncode}]", flush=True)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}"
    return done.stdout if check else done


def until(what, found, seconds=60):
    """The manager tells of restarts to nobody we could wait on: looked at ten times a second."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = found()
        if value:
            return value
        time.sleep(0.1)
    raise AssertionError(f"{what}: not within {seconds} s")


def property_of(name, unit="epochd"):
    return sh(f"systemctl show -P {name} {unit}").strip()


def main_pid():
    return int(property_of("MainPID"))


def status():
    done = sh("epochctl status --json", check=False)
    return json.loads(done.stdout) if done.stdout.startswith("{") else {}


def published():
    return status().get("published")


def commit(repo, text, user):
    sh(f'cd {repo} && echo "{text}" >services/hello.yaml && git add . && git commit -q -m "{text}" && git rev-parse HEAD', user=user)


def mosquitto(*lines):
    Path("/etc/mosquitto/conf.d/epochd.conf").write_text("\n".join(lines) + "\nallow_anonymous true\n")
    sh("systemctl restart mosquitto")


def drop_in(name, text=None):
    folder = Path("/etc/systemd/system/epochd.service.d")
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(text or Path("/usr/share/doc/epochd/drop-ins", name).read_text())
    sh("systemctl daemon-reload")


def settings(text):
    Path("/etc/epochd/epochd.yaml").write_text(text)


# --- the checks, in this order -----------------------------------------------------------------------------------------------------

def installs_and_starts_nothing():
    sh("dpkg -i /test/epochctl_1_*.deb /test/epochd_1_*.deb")
    assert sh("systemctl is-enabled epochd", check=False).stdout.strip() == "disabled"
    assert sh("systemctl is-active epochd", check=False).stdout.strip() == "inactive"
    assert sh("stat -c '%a %U %G' /etc/epochd").split() == ["750", "root", "epoch"]
    pwd.getpwnam("epochd")
    sh("adduser --quiet --disabled-password --gecos '' ann && adduser --quiet --disabled-password --gecos '' bob && usermod -aG epoch bob")
    sh("adduser --quiet --disabled-password --gecos '' eve")


def serves_a_repository_of_its_own():
    mosquitto("listener 1883 localhost")
    planned = sh("epochctl setup --dry-run")
    assert "/etc/epochd/epochd.yaml" in planned and not Path("/etc/epochd/epochd.yaml").exists() and not Path("/srv/config").exists()
    assert "state     ok" in sh("epochctl setup") or status()["state"] == "ok"
    assert sh("stat -c '%a %U %G' /etc/epochd/epochd.yaml").split() == ["640", "root", "epoch"]
    pid = main_pid()
    assert "nothing to do" in sh("epochctl setup") and main_pid() == pid
    commit("/srv/config", "greeting: hello", "epochd")
    until("published", lambda: published() == 2)
    assert "hello" in sh("mosquitto_sub -t system/config/hello -C 1 -W 60")


def lives_in_its_sandbox():
    facts = dict(line.split(":\t", 1) for line in Path(f"/proc/{main_pid()}/status").read_text().splitlines() if ":\t" in line)
    assert (facts["NoNewPrivs"], facts["Seccomp"], int(facts["CapEff"], 16), facts["Umask"]) == ("1", "2", 0, "0077"), facts
    mounts = Path(f"/proc/{main_pid()}/mountinfo").read_text().splitlines()
    options = {line.split()[4]: line.split()[5].split(",") for line in mounts}
    assert "ro" in options["/"] and "rw" in options["/var/lib/epochd"] and "noexec" in options["/"], options
    assert os.readlink(f"/proc/{main_pid()}/ns/user") != os.readlink("/proc/self/ns/user")


def scores_what_is_promised():
    assert sh("systemd-analyze security --threshold=10 epochd >/dev/null", check=False).returncode == 0, sh("systemd-analyze security epochd")


def lets_its_group_read_and_nobody_else():
    assert "ok" in sh("epochctl status", user="bob")
    assert "greeting" in sh("epochctl show hello", user="bob")
    sh("epochctl verify lkg", user="bob")
    assert sh("cat /var/lib/epochd/keys/signing.key", check=False, user="bob").returncode != 0
    refused = sh("epochctl log", check=False, user="bob")  # the journal's key is the daemon's alone
    assert refused.returncode == 3 and "sudo -u epochd epochctl" in refused.stdout, refused.stdout
    refused = sh("epochctl show hello", check=False, user="eve")
    assert refused.returncode == 3 and "epoch" in refused.stdout, refused.stdout


def reloads():
    sh("systemctl reload epochd")
    commit("/srv/config", "greeting: after the reload", "epochd")
    until("published", lambda: published() == 3)


def comes_back_after_kill_9():
    before, pid = status()["epoch"], main_pid()
    os.kill(pid, signal.SIGKILL)
    until("another process", lambda: main_pid() not in (0, pid) and status().get("state") == "ok")
    assert status()["epoch"] == before


def is_restarted_by_the_watchdog():
    drop_in("watchdog.conf", "[Service]\nWatchdogSec=2s\n")
    sh("systemctl restart epochd")
    pid = main_pid()
    os.kill(pid, signal.SIGSTOP)
    until("another process", lambda: main_pid() not in (0, pid) and property_of("ActiveState") == "active")
    Path("/etc/systemd/system/epochd.service.d/watchdog.conf").unlink()
    sh("systemctl daemon-reload && systemctl restart epochd")


def does_not_restart_on_wrong_settings():
    settings("repository: {pth: /srv/config}\n")
    assert sh("systemctl restart epochd", check=False).returncode != 0
    assert property_of("ActiveState") == "failed" and property_of("NRestarts") == "0"
    assert "pth" in sh("journalctl -u epochd -n 20 --no-pager")
    settings("")
    sh("systemctl start epochd")


def upgrades_without_a_lost_event():
    epoch = status()["epoch"]
    with subprocess.Popen(["stdbuf", "-oL", "mosquitto_sub", "-d", "-t", HEALTH, "-R"], text=True, stdout=subprocess.PIPE, env=ENV) as listener:
        while not listener.stdout.readline().startswith("Subscribed (mid"):
            assert listener.poll() is None
        pid = main_pid()
        sh("dpkg -i /test/epochctl_2_*.deb /test/epochd_2_*.deb")
        assert main_pid() not in (0, pid)
        events = []
        while "ready" not in events:
            said = listener.stdout.readline()
            if said.startswith("{"):
                events.append(json.loads(said)["data"]["event"])
        listener.terminate()
    assert events[0] == "shutdown" and "lost" not in events, events
    assert status()["epoch"] == epoch


def follows_a_broker_on_a_unix_socket_without_a_network():
    sh("install -d -o mosquitto -g mosquitto -m 0755 /run/mosquitto")
    mosquitto("listener 0 /run/mosquitto/epoch.sock")
    until("the socket", lambda: Path("/run/mosquitto/epoch.sock").exists())
    sh("chmod 0777 /run/mosquitto/epoch.sock")
    settings("mqtt: {url: 'unix:///run/mosquitto/epoch.sock'}\n")
    drop_in("unix-socket.conf")
    sh("systemctl restart epochd")
    commit("/srv/config", "greeting: without a network", "epochd")
    until("published", lambda: published() == status().get("epoch") == 4)
    assert len(Path(f"/proc/{main_pid()}/net/dev").read_text().splitlines()) == 3  # two of heading, and lo
    score = sh("systemd-analyze security --threshold=3 epochd", check=False)
    assert score.returncode == 0, score.stdout
    Path("/etc/systemd/system/epochd.service.d/unix-socket.conf").unlink()
    mosquitto("listener 1883 localhost")
    settings("")
    sh("systemctl daemon-reload && systemctl restart epochd")


def tells_the_textfile_collector():
    sh("install -d /var/lib/prometheus/node-exporter")
    drop_in("textfile-collector.conf")
    sh("systemctl restart epochd")
    until("metrics", lambda: Path("/var/lib/prometheus/node-exporter/epochd.prom").exists())
    assert "epochd_" in sh("cat /var/lib/prometheus/node-exporter/epochd.prom", user="eve")
    Path("/etc/systemd/system/epochd.service.d/textfile-collector.conf").unlink()
    sh("systemctl daemon-reload")


def serves_a_trusted_owner_s_bare_repository():
    sh("adduser --quiet --system --group --shell /bin/sh --home /srv/git git && chmod 0755 /srv/git")
    sh("umask 022; epochctl init --bare /srv/git/config.git", user="git")
    settings(f"repository: {{path: /srv/git/config.git, trusted_uids: [{pwd.getpwnam('git').pw_uid}]}}\nstate: /var/lib/epochd/bare\n"
             "keys: /var/lib/epochd/bare/keys\n")
    refused = sh("systemctl restart epochd", check=False)
    assert refused.returncode != 0 and "trusted-owner.conf" in sh("journalctl -u epochd -n 20 --no-pager")
    drop_in("trusted-owner.conf")
    sh("systemctl restart epochd")
    sh("git clone -q /srv/git/config.git /srv/git/work && cd /srv/git/work && mkdir -p services && echo \"a: 1\" >services/a.yaml && git add . &&"
       " git commit -q -m a && git push -q origin HEAD:main", user="git")
    until("published", lambda: (published() or 0) > 0)
    Path("/etc/systemd/system/epochd.service.d/trusted-owner.conf").unlink()
    sh("systemctl stop epochd && systemctl daemon-reload")


def serves_a_repository_under_home_as_its_owner():
    sh("usermod -aG epoch ann")
    sh("epochctl init /home/ann/config", user="ann")
    settings("repository: {path: /home/ann/config}\n")
    sh("mv /var/lib/epochd /var/lib/epochd.before")
    drop_in("home-repository.conf")
    sh("systemctl restart epochd")
    commit("/home/ann/config", "greeting: from home", "ann")
    until("published", lambda: (published() or 0) > 1)
    assert re.search(r"^Uid:\s+%d\s" % pwd.getpwnam("ann").pw_uid, Path(f"/proc/{main_pid()}/status").read_text(), re.M)
    sh("systemctl stop epochd && rm -rf /var/lib/epochd /etc/systemd/system/epochd.service.d && mv /var/lib/epochd.before /var/lib/epochd")
    settings("")
    sh("systemctl daemon-reload && systemctl start epochd")


def sets_up_a_repository_under_home():
    sh("systemctl stop epochd mosquitto && mv /var/lib/epochd /var/lib/epochd.before && rm /etc/epochd/epochd.yaml")
    sh("rm -f /var/lib/mosquitto/mosquitto.db && systemctl start mosquitto")  # what other keys have signed would be a conflict until it is replaced
    told = sh("epochctl setup --repo /home/ann/config")
    assert "50-setup.conf" in told, told
    commit("/home/ann/config", "greeting: set up", "ann")
    until("published", lambda: (published() or 0) > 2)
    assert property_of("User") == "ann" and "nothing to do" in sh("epochctl setup --repo /home/ann/config")
    refused = sh("epochctl setup --repo /srv/config", check=False)
    assert refused.returncode == 3 and "repository.path" in refused.stdout, refused.stdout
    sh("rm /etc/epochd/epochd.yaml && systemctl stop epochd && rm -rf /var/lib/epochd && mv /var/lib/epochd.before /var/lib/epochd")
    assert "removed" in sh("epochctl setup") and property_of("User") == "epochd"


def runs_as_a_user_s_own_unit():
    uid = pwd.getpwnam("ann").pw_uid
    sh("loginctl enable-linger ann")
    until("ann's manager", lambda: Path(f"/run/user/{uid}/systemd/private").exists())
    mine = {"XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    told = sh("epochctl setup --user --mqtt off", user="ann", **mine)
    assert "ok" in told and "wrote /home/ann/.config/epochd/epochd.yaml" in told, told
    assert "nothing to do" in sh("epochctl setup --user", user="ann", **mine)
    assert "/home/ann/config" in sh("epochctl status", user="ann", **mine)  # without --config: a user's own comes first
    sh("systemctl --user reload epochd && systemctl --user stop epochd", user="ann", **mine)


def stops_cleanly_and_keeps_its_keys_when_purged():
    signing = Path("/var/lib/epochd/keys/signing.key").read_bytes()
    sh("systemctl stop epochd")
    assert property_of("Result") == "success" and property_of("ExecMainStatus") == "0"
    sh("systemctl start epochd && dpkg --remove epochd")
    assert sh("pgrep -x epochd", check=False).returncode == 1
    told = sh("dpkg --purge epochd epochctl")
    assert "/var/lib/epochd" in told and Path("/var/lib/epochd/keys/signing.key").read_bytes() == signing


def leaves_nothing_of_its_python_package():
    package = Path("/usr/lib/python3/dist-packages/epoch")
    sh("dpkg -i /test/libepoch0_1_*.deb /test/python3-epoch_1_*.deb")
    sh("cd / && /usr/bin/python3 -c 'import epoch'")
    assert (package / "__pycache__").is_dir(), "root's import writes beside the sources"
    sh("dpkg --purge python3-epoch libepoch0")
    assert not package.exists()


CHECKS = [
    installs_and_starts_nothing, serves_a_repository_of_its_own, lives_in_its_sandbox, scores_what_is_promised,
    lets_its_group_read_and_nobody_else, reloads, comes_back_after_kill_9, is_restarted_by_the_watchdog, does_not_restart_on_wrong_settings,
    upgrades_without_a_lost_event, follows_a_broker_on_a_unix_socket_without_a_network, tells_the_textfile_collector,
    serves_a_trusted_owner_s_bare_repository, serves_a_repository_under_home_as_its_owner, sets_up_a_repository_under_home, runs_as_a_user_s_own_unit,
    leaves_nothing_of_its_python_package, stops_cleanly_and_keeps_its_keys_when_purged,
]


def main():
    results = {}
    for check in CHECKS:
        print(f"=== {check.__name__}", flush=True)
        try:
            check()
            results[check.__name__] = None
        except Exception:
            results[check.__name__] = traceback.format_exc()
            print(results[check.__name__], flush=True)
            sh("systemctl status --no-pager -n 30 epochd", check=False)
        (TEST / "results.json").write_text(json.dumps(results))


if __name__ == "__main__":
    main()
