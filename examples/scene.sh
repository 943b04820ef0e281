#!/usr/bin/env bash
# The main job of epochd, shown on a private loopback broker and a scratch copy of examples/home. `make run` starts it.
#
# On a terminal it stays: edit the scratch repository in another terminal and watch; Ctrl-C ends it. Without one it plays the
# scene once. Either way nothing is left behind, unless EPOCHD_SCENE_DIR names a folder: then everything happens in it, and stays.
set -euo pipefail
cd "$(dirname "$0")/.."

build=$PWD/${EPOCHD_BUILD:-build}
export PATH="$build:$PATH" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
mosquitto=$(command -v mosquitto || echo /usr/sbin/mosquitto)

if [ -n "${EPOCHD_SCENE_DIR:-}" ]; then
    mkdir -p "$EPOCHD_SCENE_DIR"
    dir=$(cd "$EPOCHD_SCENE_DIR" && pwd)
else
    dir=$(mktemp -d "${TMPDIR:-/tmp}/epochd-run.XXXXXX")
fi
pids=()

finish() {
    trap - EXIT INT TERM
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    [ -n "${EPOCHD_SCENE_DIR:-}" ] || rm -rf "$dir"
}
trap finish EXIT
trap 'echo; exit 0' INT TERM

bold= dim= plain=
[ -t 1 ] && bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
fail() { echo "scene: $*" >&2; [ ! -f "$dir/epochd.log" ] || tail -n 20 "$dir/epochd.log" >&2; exit 1; }

# The next message of a topic, into a file: subscribed (and told so) before whatever makes it happens, waited for after.
listen() { # TOPIC FILE
    stdbuf -oL mosquitto_sub -p "$port" -V mqttv5 -q 1 -R -C 1 -W 20 -t "$1" -d >"$2.raw" 2>/dev/null &
    listener=$!
    until grep -q 'Subscribed (mid' "$2.raw" 2>/dev/null; do kill -0 "$listener" 2>/dev/null || fail "cannot subscribe to $1"; done
    heard=$2
}
await() {
    wait "$listener" || fail "nothing arrived within 20 seconds"
    grep '^{' "$heard.raw" >"$heard"
    rm -f "$heard.raw"
}

start_broker() {
    local try
    for try in 1 2 3 4 5 6 7 8 9 10; do
        port=$((20000 + RANDOM % 12000))
        printf 'listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nlog_dest file %s\nlog_type all\n%s' \
            "$port" "$dir/mosquitto.log" "$([ "$(id -u)" -ne 0 ] || echo 'user root')" >"$dir/mosquitto.conf"
        : >"$dir/mosquitto.log"
        "$mosquitto" -c "$dir/mosquitto.conf" >/dev/null 2>&1 &
        broker=$!
        until grep -q 'running$' "$dir/mosquitto.log"; do kill -0 "$broker" 2>/dev/null || continue 2; done
        pids+=("$broker")
        return
    done
    fail "no free port for mosquitto in $try tries: $(tail -n 1 "$dir/mosquitto.log")"
}

title "1. A configuration repository: six services of a home robot"
cp -R examples/home "$dir/config"
show epochctl init "$dir/config"
cd "$dir/config"
git add -A
git commit -q -m 'config: begin'
show git log --oneline
ls services services/*

title "2. A private broker and the sidecar"
start_broker
export EPOCHD_CONFIG="$dir/epochd.yaml"
cat >"$EPOCHD_CONFIG" <<YAML
repository: {path: $dir/config}
state: $dir/state
run: $dir/run
mqtt: {url: "mqtt://127.0.0.1:$port"}
YAML
listen system/health/config-manager "$dir/ready.json"
epochd 2>"$dir/epochd.log" &
daemon=$!
pids=("$daemon" "${pids[@]}")
await
grep -q '"event":"ready"' "$dir/ready.json" || fail "epochd is not ready: $(cat "$dir/ready.json")"
show epochctl status

title "3. Edit YAML, commit: the signed update arrives at a subscriber"
sed -i 's/^vad_threshold: .*/vad_threshold: 0.6/' services/audio/stt-worker.yaml
show git diff --unified=0
listen config/update "$dir/update.json"
listen_update=$listener heard_update=$heard
listen system/epoch/config-manager "$dir/head.json"
show git commit -q -am 'stt-worker: listen a little less eagerly'
await
listener=$listen_update heard=$heard_update
await
printf '%sreceived on config/update:%s\n' "$dim" "$plain"
cat "$dir/update.json"
show epochctl verify message "$dir/update.json"

title "4. The last-known-good snapshot was rewritten: services start from it when the broker is away"
epoch=$(grep -o '"epoch":[0-9]*' "$dir/head.json" | head -n 1)
until grep -q "$epoch" "$dir/state/config.lkg.json" 2>/dev/null; do kill -0 "$daemon" || fail "epochd ended"; done
show epochctl verify lkg
show epochctl show stt-worker

title "5. A mistake is stopped where it is made"
sed -i 's/^sample_rate: .*/sample_rate: 16000\nsample_rate: 8000/' services/audio/stt-worker.yaml
echo '$ git commit -am "stt-worker: telephone quality"'
if git commit -q -am 'stt-worker: telephone quality'; then fail "the hook let it pass"; fi

title "6. Forced past the hook, it is refused all the same, and the last good epoch stays in force"
listen system/health/config-manager "$dir/rejected.json"
show git commit -q --no-verify -am 'stt-worker: telephone quality'
await
until epochctl status | grep -q 'yaml.duplicate-key'; do kill -0 "$daemon" || fail "epochd ended"; done
epochctl status
show epochctl log

title "7. A revert is a commit like any other: a new, higher epoch"
listen system/epoch/config-manager "$dir/last.json"
show git revert --no-edit HEAD
await
show epochctl verify message "$dir/last.json"

title "Where everything is"
cat <<TEXT
  repository  $dir/config          (edit services/*.yaml and commit)
  settings    $EPOCHD_CONFIG
  state       $dir/state           (journal.jsonl, config.lkg.json, keys/)
  broker      127.0.0.1:$port
  log         $dir/epochd.log
TEXT

if [ -t 0 ] && [ -t 1 ]; then
    cat <<TEXT

Now you: in another terminal

  export PATH=$build:\$PATH EPOCHD_CONFIG=$EPOCHD_CONFIG
  cd $dir/config && \$EDITOR services/router.yaml && git commit -am 'router: …'
  epochctl status; epochctl log

What arrives is shown here. Ctrl-C ends everything and leaves nothing behind.
TEXT
    mosquitto_sub -p "$port" -V mqttv5 -q 1 -v -t config/update -t system/health/config-manager &
    pids=("$!" "${pids[@]}")
    wait "$daemon"
fi
