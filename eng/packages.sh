#!/bin/bash
# packages.sh PACKAGE...: sees to it that these Debian packages are installed. Silent when they are; installs them when it
# may (root, or sudo without a password); else says exactly what to type and exits 2.
set -eu

installed() { [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]; }

missing=()
if command -v dpkg-query >/dev/null; then
    for package in "$@"; do installed "$package" || missing+=("$package"); done
elif [ $# -gt 0 ]; then
    echo "stele: error: this system has no dpkg, so it can't be seen whether these are installed: $*" >&2
    echo "stele: hint: install their like, then add PACKAGES= to the make command to skip this check" >&2
    exit 2
fi
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo -n)
    else
        echo "stele: error: these Debian packages are missing: ${missing[*]}" >&2
        echo "stele: hint: sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
fi

echo "Installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120 "$@" >>"$log" 2>&1 </dev/null; }
install() { apt install -y --no-install-recommends "${missing[@]}"; }

# The package lists may be absent or stale on a fresh machine; ask for new ones only if need be.
if ! install; then
    if ! { apt update && install; }; then
        tail -n 20 "$log" >&2
        echo "stele: error: apt-get could not install: ${missing[*]}" >&2
        echo "stele: hint: sudo apt-get update && sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 2
    fi
fi
