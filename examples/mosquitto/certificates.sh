#!/bin/sh
# A CA of one's own, a certificate for the broker and one for each client: certificates.sh FOLDER BROKER-HOST [CLIENT…]
#
# BROKER-HOST is what mqtt.url names: a host name, or an IP address. An existing CA is used again. ca.key belongs offline.
set -eu

[ $# -ge 2 ] || { sed -n 2,4p "$0" >&2; exit 2; }
folder=$1 host=$2
shift 2
mkdir -p "$folder"
cd "$folder"
umask 077

new_key() {
    openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:prime256v1 -out "$1"
}

# sign NAME SUBJECT EXTENSION
sign() {
    new_key "$1.key"
    openssl req -new -key "$1.key" -subj "/CN=$2" -out "$1.csr"
    printf '%s\n' "$3" >"$1.ext"
    openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 825 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
    rm "$1.csr" "$1.ext"
    chmod 0644 "$1.crt"
}

if [ ! -e ca.key ]; then
    new_key ca.key
    openssl req -x509 -key ca.key -days 3650 -subj "/CN=configuration CA" -out ca.crt
    chmod 0644 ca.crt
fi

case $host in
*[!0-9.]*) sign server "$host" "subjectAltName=DNS:$host" ;;
*) sign server "$host" "subjectAltName=IP:$host" ;;
esac
for client; do
    sign "$client" "$client" "extendedKeyUsage=clientAuth"
done
