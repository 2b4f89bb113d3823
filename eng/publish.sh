#!/bin/bash
# publish.sh: out/stele and out/stele-verify, each one self-contained file for this machine's kind of processor.
# stele-verify is trimmed and compiled ahead: an auditor downloads it, and starts it often. stele is not: ASP.NET and YamlDotNet look types up by name.
set -eu
cd "$(dirname "$0")/.."
export DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1 MSBUILDDISABLENODEREUSE=1

case $(uname -m) in
    x86_64) rid=linux-x64 ;;
    aarch64) rid=linux-arm64 ;;
    *) echo "stele: error: no runtime is published for $(uname -m)" >&2; exit 2 ;;
esac

log=$(mktemp)
trap 'rm -f "$log"' EXIT

# publish PROJECT FILE PROPERTY...: intermediate files stay under out/publish, so that the development build is left as it was.
publish() {
    local project=$1 file=$2 start=$SECONDS; shift 2
    printf 'Publishing %s ... ' "$file"
    if ! dotnet publish "src/$project" -c Release -r "$rid" --self-contained -v q --artifacts-path "out/publish/$project" -o "out/publish/$file" \
        -p:PublishSingleFile=true -p:DebugType=embedded -p:UseSharedCompilation=false "$@" >"$log" 2>&1 </dev/null; then
        printf 'failed\n'
        tail -n 40 "$log" >&2
        exit 1
    fi
    # Replaced, never rewritten: a running copy keeps its own bytes.
    cp "out/publish/$file/$file" "out/.$file.new"
    mv -f "out/.$file.new" "out/$file"
    printf '%d s, %d MB\n' $((SECONDS - start)) $(($(stat -c %s "out/$file") / 1000000))
}

mkdir -p out
publish Stele.Verify stele-verify -p:PublishTrimmed=true -p:PublishReadyToRun=true
publish Stele stele -p:PublishReadyToRun=true -p:IncludeNativeLibrariesForSelfExtract=true
