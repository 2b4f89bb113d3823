#!/bin/bash
# build.sh CONFIGURATION PROJECT...: restores and builds, one line a step, everything else only if it fails.
# The configuration Ahead is Release, compiled ahead of time for this machine, into out/run: what is compiled as it runs
# spends a third of its first seconds on that.
set -eu
cd "$(dirname "$0")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
# No build process may outlive the build: a caller that waits for our output to close would wait for it too.
export MSBUILDDISABLENODEREUSE=1

configuration=$1; shift

if ! command -v dotnet >/dev/null; then
    echo "stele: error: the .NET SDK is missing (dotnet is not on PATH)" >&2
    echo "stele: hint: install the .NET 10 SDK: https://dotnet.microsoft.com/download" >&2
    exit 2
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# step TEXT COMMAND...: the text, then how long it took; the command's own words only when it fails.
step() {
    local text=$1 start=$SECONDS; shift
    printf '%s ... ' "$text"
    if "$@" >"$log" 2>&1 </dev/null; then
        printf '%d s\n' $((SECONDS - start))
    else
        printf 'failed\n'
        if grep -q 'error' "$log"; then grep 'error' "$log" | sort -u | head -n 40; else tail -n 40 "$log"; fi >&2
        exit 1
    fi
}

case $(uname -m) in
    aarch64) rid=linux-arm64 ;;
    *) rid=linux-x64 ;;
esac

for project in "$@"; do
    name=$(basename "$project" .csproj); name=${name%.slnx}
    if [ "$configuration" = Ahead ]; then
        step "Building $name" dotnet publish "$project" -c Release -r "$rid" --self-contained false -v q \
            --artifacts-path out/ahead -o out/run -p:PublishReadyToRun=true -p:UseSharedCompilation=false
        continue
    fi
    step "Restoring $name" dotnet restore "$project" -v q
    step "Building $name ($configuration)" dotnet build "$project" -c "$configuration" --no-restore -v q -p:UseSharedCompilation=false
done
