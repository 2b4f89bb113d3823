#!/bin/bash
# fresh.sh [DIR]: what a newcomer goes through, timed. Clones what is committed here into a temporary folder, with an empty package
# cache, runs make tour there, and has the auditor's program judge the pack. The world is kept in DIR if one is given.
set -eu
cd "$(dirname "$0")/.."

area=$(mktemp -d)
trap 'rm -rf "$area"' EXIT
world=${1:-$area/world}
export NUGET_PACKAGES=$area/packages NUGET_HTTP_CACHE_PATH=$area/http NUGET_SCRATCH=$area/scratch

git clone -q "$PWD" "$area/clone"
cd "$area/clone"
echo "$(git log -1 --format='%h %s'), on $(nproc) cores"

start=$SECONDS
make --no-print-directory tour DATA="$world"
took=$((SECONDS - start))

out/run/stele-verify pack "$world/audit-pack.zip" --trust "$world/trust.json" >"$area/verified" || { cat "$area/verified"; exit 1; }
echo "make tour took $took s from a fresh clone; 240 s are promised on 2 cores. $(head -n 1 "$area/verified")"
[ "$took" -le 240 ]
