#!/usr/bin/env bash
# Debian packages from an installed tree:   build.sh TREE VERSION OUTPUT-FOLDER
# TREE is what `make install DESTDIR=TREE PREFIX=/usr` made. Dependencies are read off the programs by dpkg-shlibdeps.
set -euo pipefail
tree=$(realpath "$1") version=$2 output=$(mkdir -p "$3" && realpath "$3") here=$(realpath "$(dirname "$0")")
arch=$(dpkg --print-architecture)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

move() { # PACKAGE PATH…: out of the tree into the package, where it is there
    local package=$1 path
    shift
    for path in "$@"; do
        [ -e "$tree/$path" ] || [ -L "$tree/$path" ] || continue
        mkdir -p "$work/$package/$(dirname "$path")"
        mv "$tree/$path" "$work/$package/$path"
    done
}

depends() { # PROGRAM: the libraries it needs, as packages
    mkdir -p "$work/shlibs/debian" && : >"$work/shlibs/debian/control"
    (cd "$work/shlibs" && dpkg-shlibdeps -O --ignore-missing-info "$1" 2>/dev/null) | sed 's/^shlibs:Depends=//'
}

pack() { # PACKAGE [PROGRAM]: its dependencies are the program's; without one it is for every architecture
    local package=$1 program=${2-} control=$work/$1/DEBIAN arch=$arch script
    mkdir -p "$control"
    case $program in
    '') arch=all ;;
    *.a) strip --strip-debug "$work/$package/$program" ;;
    *) strip --strip-unneeded "$work/$package/$program" ;;
    esac
    install -D -m 0644 "$here/../../LICENSE" "$work/$package/usr/share/doc/$package/copyright"
    sed -e "s|@VERSION@|$version|; s|@ARCH@|$arch|; s|@DEPENDS@|$(case $program in ''|*.a) ;; *) depends "$work/$package/$program" ;; esac)|" "$here/control.$package" >"$control/control"
    for script in postinst prerm postrm; do
        [ ! -e "$here/$package.$script" ] || install -m 0755 "$here/$package.$script" "$control/$script"
    done
    [ "$package" != libepoch0 ] || printf 'libepoch 0 libepoch0 (>= %s)\n' "$version" >"$control/shlibs"
    [ "$package" != libepoch0 ] || echo 'activate-noawait ldconfig' >"$control/triggers"
    (cd "$work/$package" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | sort -z | xargs -0 md5sum) >"$control/md5sums"
    dpkg-deb --root-owner-group --build "$work/$package" "$output" >/dev/null
    echo "$output/${package}_${version}_$arch.deb"
}

find "$tree/usr/share/man" -type f ! -name '*.gz' -exec gzip -9n {} +
rm -rf "$tree/etc" # systemd-tmpfiles makes /etc/epochd, readable by its group alone
move epochctl usr/bin/epochctl usr/share/man/man1 usr/share/man/man7 usr/share/bash-completion usr/share/zsh usr/share/fish
lib=usr/lib/$(dpkg-architecture -qDEB_HOST_MULTIARCH)
move libepoch0 "$lib/libepoch.so.0"
move libepoch-dev "$lib/libepoch.so" "$lib/libepoch.a" "$lib/pkgconfig" usr/include usr/share/man/man3
move python3-epoch usr/lib/python3
move epochd usr
pack epochctl usr/bin/epochctl
pack epochd usr/sbin/epochd
pack libepoch0 "$lib/libepoch.so.0"
pack libepoch-dev "$lib/libepoch.a"
pack python3-epoch
