#!/bin/bash
# test.sh CONFIGURATION [ARGUMENT...]: runs every test (or those that the xunit.v3 arguments select), shows what was skipped
# and why, and ends with "N passed, N failed, N skipped". Exit 0 only if something passed and nothing failed.
set -eu
cd "$(dirname "$0")/.."

tests=test/Stele.Tests/bin/$1/net10.0/Stele.Tests; shift
results=out/test/results.xml
mkdir -p out/test
rm -f "$results"

code=0
"$tests" -noLogo -noColor -longRunning 60 -xml "$results" "$@" </dev/null || code=$?

# The first <assembly> element carries the run's own counts.
count() { sed -n "s/.*<assembly [^>]* $1=\"\([0-9]*\)\".*/\1/p" "$results" 2>/dev/null | head -n 1; }
passed=$(count passed) failed=$(count failed) errors=$(count errors) skipped=$(count skipped)
if [ -z "$passed" ]; then
    echo "stele: error: the test run ended (exit $code) without its results" >&2
    passed=0 failed=1 errors=0 skipped=0
fi
failed=$((failed + errors))
# A run that failed in no test, or ran none, has still failed.
if [ "$failed" -eq 0 ] && { [ "$code" -ne 0 ] || [ "$passed" -eq 0 ]; }; then failed=1; fi

# Named again at the end, where they are looked for.
grep -o '<test [^>]*result="Fail"' "$results" 2>/dev/null | sed 's/.* name="\([^"]*\)".*/failed: \1/' || true
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" -eq 0 ]
