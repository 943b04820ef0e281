#!/usr/bin/env bash
# The shell sidecar that is compared with: a repository, a broker, no checks, nothing durable.
#   sidecar.sh GIT_DIR PORT
cd "$1" || exit 1
last=$(git rev-parse main)
inotifywait -m -e moved_to --format %f refs/heads | while read -r branch; do
    [ "$branch" = main ] || continue
    tip=$(git rev-parse main)
    git diff --name-only "$last" "$tip" -- services | while read -r file; do
        git show "$tip:$file" | mosquitto_pub -V mqttv5 -h 127.0.0.1 -p "$2" -q 1 -r -t "cfg/$file" -s
    done
    last=$tip
done
