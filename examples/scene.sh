#!/usr/bin/env bash
# The main job of epochd, shown on a private loopback broker and a scratch copy of examples/home. `make run` starts it.
#
# On a terminal it stays: edit the scratch repository in another terminal and watch; Ctrl-C ends it. Without one it plays the
# scene once. Either way nothing is left behind, unless EPOCHD_SCENE_DIR names a folder: then everything happens in it, and stays.
set -euo pipefail

kept=${EPOCHD_SCENE_DIR:+$(mkdir -p "$EPOCHD_SCENE_DIR" && cd "$EPOCHD_SCENE_DIR" && pwd)}
cd "$(dirname "$0")/.."
build=$(cd "${EPOCHD_BUILD:-build}" && pwd)
mosquitto=$(command -v mosquitto || echo /usr/sbin/mosquitto)

# Nothing of the caller's settings counts: neither the daemon's nor git's.
for name in $(compgen -e); do case $name in EPOCHD_* | GIT_*) unset "$name" ;; esac; done
export PATH="$build:$PATH" GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_SYSTEM=/dev/null GIT_PAGER=cat
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org

dir=${kept:-$(cd "${TMPDIR:-/tmp}" && mktemp -d "$PWD/epochd-run.XXXXXX")}
pids=() # of what runs, in the order in which it is ended
declare -A listeners=()

finish() {
    local code=$? pid
    trap - EXIT INT TERM HUP
    set +e
    # mosquitto_sub may lock itself up in its own signal handler, and has nothing to lose.
    for pid in "${listeners[@]}"; do kill -KILL "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null && wait "$pid" 2>/dev/null; done
    [ -n "$kept" ] || rm -rf "$dir"
    exit "$code"
}
trap finish EXIT
trap 'echo; exit 0' INT TERM HUP

bold='' dim='' plain=''
[ -t 1 ] && bold=$'\e[1m' dim=$'\e[2m' plain=$'\e[0m'
title() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; "$@"; }
fail() {
    echo "scene: $*" >&2
    [ ! -f "$dir/epochd.log" ] || tail -n 20 "$dir/epochd.log" >&2
    exit 1
}
# Exit 1 is a state to look at (degraded, perhaps for lack of inotify), not a failure of the command.
show_status() { show epochctl status || [ $? -eq 1 ]; }
# What follows from an event that has been seen, and is only a moment behind it.
until_true() { # WHAT COMMAND…
    local what=$1 end=$((SECONDS + 60))
    shift
    until "$@"; do [ "$SECONDS" -lt "$end" ] || fail "$what did not come within a minute"; done
}

# The next message of a topic, into a file: subscribed (and told so) before whatever makes it happens, waited for after.
listen() { # TOPIC FILE
    : >"$2.raw"
    stdbuf -oL mosquitto_sub -h 127.0.0.1 -p "$port" -V mqttv5 -q 1 -R -C 1 -W 60 -t "$1" -d >"$2.raw" 2>&1 &
    listeners[$2]=$!
    until_true "the subscription to $1" is_subscribed "$2"
}
is_subscribed() { # FILE
    local is_there=no
    ! kill -0 "${listeners[$1]}" 2>/dev/null || is_there=yes # looked at first: it may subscribe and end in between
    ! grep -q 'Subscribed (mid' "$1.raw" || return 0
    [ "$is_there" = yes ] || fail "mosquitto_sub ended: $(cat "$1.raw")"
    return 1
}
await() { # FILE
    local pid=${listeners[$1]}
    unset "listeners[$1]"
    wait "$pid" || fail "nothing arrived within a minute: $(cat "$1.raw")"
    grep '^{' "$1.raw" >"$1"
    rm -f "$1.raw"
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
        pids+=("$broker")
        until grep -q 'running$' "$dir/mosquitto.log"; do kill -0 "$broker" 2>/dev/null || { pids=() && continue 2; }; done
        return
    done
    fail "no free port for mosquitto in $try tries: $(tail -n 1 "$dir/mosquitto.log")"
}

title "1. A configuration repository: six services of a home robot, what they share, schemas, a profile"
[ ! -e "$dir/config" ] || fail "there is a scene in $dir already: name another folder"
cp -R examples/home "$dir/config"
show epochctl init "$dir/config"
cd "$dir/config"
git config epochd.wait 60 # a slow machine shows what every machine shows
git add -A
git commit -q -m 'config: begin'
show git log --oneline
ls *.yaml bases schemas profiles/* services/*

title "2. A private broker and the sidecar"
start_broker
export EPOCHD_CONFIG="$dir/epochd.yaml"
in_yaml=${dir//\'/\'\'}
cat >"$EPOCHD_CONFIG" <<YAML
repository: {path: '$in_yaml/config'}
state: '$in_yaml/state'
run: '$in_yaml/run'
mqtt: {url: "mqtt://127.0.0.1:$port"}
YAML
listen system/health/config-manager "$dir/ready.json"
epochd 2>"$dir/epochd.log" &
daemon=$!
pids=("$daemon" "${pids[@]}")
await "$dir/ready.json"
grep -q '"event":"ready"' "$dir/ready.json" || fail "epochd is not ready: $(cat "$dir/ready.json")"
until_true "the first epoch" grep -qs '"published":1,' "$dir/run/status.json"
show_status

title "3. Edit YAML, commit: the signed update arrives at a subscriber"
sed -i 's/^vad_threshold: .*/vad_threshold: 0.6/' services/audio/stt-worker.yaml
show git diff --unified=0
listen config/update "$dir/update.json"
listen system/epoch/config-manager "$dir/head.json"
show git commit -q -am 'stt-worker: listen a little less eagerly'
await "$dir/update.json"
await "$dir/head.json"
printf '%sreceived on config/update:%s\n' "$dim" "$plain"
cat "$dir/update.json"
show epochctl verify message "$dir/update.json"

title "4. The last-known-good snapshot was rewritten: services start from it when the broker is away"
epoch=$(grep -o '"epoch":[0-9]*' "$dir/head.json" | head -n 1)
until_true "the snapshot of that epoch" grep -qs "$epoch" "$dir/state/config.lkg.json"
show epochctl verify lkg
show epochctl show stt-worker

title "5. A mistake is stopped where it is made"
sed -i 's/^vad_threshold: .*/vad_threshold: 1.4/; s/^silence_ms:/silense_ms:/' services/audio/stt-worker.yaml
echo '$ git commit -am "stt-worker: only loud voices"'
if git commit -q -am 'stt-worker: only loud voices'; then fail "the hook let it pass"; fi

title "6. Forced past the hook, it is refused all the same, and the last good epoch stays in force"
listen system/health/config-manager "$dir/rejected.json"
show git commit -q --no-verify -am 'stt-worker: only loud voices'
await "$dir/rejected.json"
grep -q '"event":"rejected"' "$dir/rejected.json" || fail "not refused: $(cat "$dir/rejected.json")"
until_true "the verdict in status" grep -qs 'schema.maximum' "$dir/run/status.json"
show_status
show epochctl log

title "7. A revert is a commit like any other: a new, higher epoch"
listen system/epoch/config-manager "$dir/last.json"
show git revert --no-edit HEAD
await "$dir/last.json"
show epochctl verify message "$dir/last.json"

title "8. Switching the profile is one commit, and one epoch of exactly the services it changes"
listen system/epoch/config-manager "$dir/quiet.json"
show epochctl profile use quiet
await "$dir/quiet.json"
show epochctl explain tts-worker volume_percent

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

  export PATH="$build:\$PATH" EPOCHD_CONFIG="$EPOCHD_CONFIG"
  cd "$dir/config" && \${EDITOR:-vi} services/router.yaml && git commit -am 'router: …'
  epochctl status; epochctl log

What arrives is shown here. Ctrl-C ends everything and leaves nothing behind.
TEXT
    mosquitto_sub -h 127.0.0.1 -p "$port" -V mqttv5 -q 1 -v -t config/update -t system/health/config-manager &
    listeners[shown]=$!
    wait "$daemon" || fail "epochd ended"
fi
