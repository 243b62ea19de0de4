#!/bin/sh
# Installs what is missing of the Debian 12 packages that a job needs: sh pkg/deps.sh build|test|bench
# Asks for nothing that is there already; uses sudo when it is not run by root.
set -eu

build="gcc libc6-dev cmake ninja-build pkg-config libcurl4-openssl-dev libssl-dev libjwt-dev libyaml-dev
 libsqlite3-dev libhiredis-dev libvectorscan-dev curl ca-certificates"
test="$build g++ git python3 python3-venv python3-dev swig clang libclang-rt-14-dev libcmocka-dev
 valgrind openssl man-db redis-server"
bench="$test nginx-light wrk libmodsecurity-dev modsecurity-crs"

case "${1:-}" in
    build) want=$build ;;
    test) want=$test ;;
    bench) want=$bench ;;
    *) echo "usage: $0 build|test|bench" >&2; exit 1 ;;
esac

missing=
for package in $want; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q '^install ok installed$' ||
        missing="$missing $package"
done
# The npm peers of the tests need Node and npm; a newer Node from elsewhere is as good.
if [ "$1" != build ]; then
    command -v node >/dev/null 2>&1 || missing="$missing nodejs"
    command -v npm >/dev/null 2>&1 || missing="$missing npm"
fi
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    echo "these Debian packages, or what your system calls them, are missing:$missing" >&2
    exit 1
fi
root=
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null 2>&1 || { echo "run as root once: apt-get install$missing" >&2; exit 1; }
    root=sudo
fi
echo "installing:$missing" >&2
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -qq >&2
# shellcheck disable=SC2086
$root apt-get install -y -qq --no-install-recommends $missing >/dev/null
