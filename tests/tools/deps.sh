#!/usr/bin/env bash
# Installs what is missing for building, running or testing epochd on Debian, and says so first. Does nothing when all is there.
#   deps.sh build | deb | run | check
set -euo pipefail

build=(gcc make pkg-config git libgit2-dev libinotifytools0-dev libsodium-dev libmosquitto-dev libyaml-dev libpcre2-dev zlib1g-dev)
deb=("${build[@]}" dpkg-dev scdoc)
run=("${build[@]}" mosquitto mosquitto-clients)
check=("${run[@]}"
    dpkg-dev
    e2fsprogs
    faketime
    fish
    iproute2
    libcmocka-dev
    libpam-systemd
    locales
    mypy
    openssh-server
    openssl
    procps
    python3-nacl
    python3-paho-mqtt
    python3-pytest
    python3-pytest-xdist
    python3-yaml
    strace
    systemd-container
    xfsprogs
    zsh
)

case "${1:-}" in
build) wanted=("${build[@]}") ;;
deb) wanted=("${deb[@]}") ;;
run) wanted=("${run[@]}") ;;
check) wanted=("${check[@]}") ;;
*) echo "usage: deps.sh build|deb|run|check" >&2; exit 2 ;;
esac

if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is not Debian; install the equivalents of: ${wanted[*]}"
    exit 0
fi

missing=()
for package in "${wanted[@]}"; do
    # A tool that is there without its package (a compiler from elsewhere) is fine.
    case "$package" in gcc|make|git|pkg-config|openssl|scdoc) command -v "$package" >/dev/null && continue ;; esac
    status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) && [ "$status" = installed ] && continue
    missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    as_root=(sudo)
    if ! command -v sudo >/dev/null; then
        echo "deps: packages are missing, and you are neither root nor is there sudo. As root: apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
echo "deps: installing with apt-get: ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
if ! { "${as_root[@]}" apt-get update -q && "${as_root[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
    cat "$log" >&2
    echo "deps: apt-get failed; install by hand: ${missing[*]}" >&2
    exit 1
fi
