#!/bin/bash
# before.sh [--at COMMIT] TEST...: shows that tests fail without the change that they came with. TEST is a test class or
# method, or a part of the name. The files that declare them are put into the tree of COMMIT (the parent of the newest
# commit that changed src, if none is given); if that can't be built, all of test/ is. Exit 0 if each TEST failed there;
# 1 if one passed, ran nowhere, or can't be built against that source, which says nothing of what the source does.
set -euo pipefail
cd "$(dirname "$0")/.."

at=
if [ "${1:-}" = --at ]; then at=${2:?before.sh: --at needs a commit}; shift 2; fi
[ $# -gt 0 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
at=$(git rev-parse --verify --quiet "${at:-$(git log -1 --format=%H -- src)^}^{commit}") ||
    { echo "before.sh: there is no such commit" >&2; exit 2; }

there=out/before log=out/before.log
trap 'git worktree remove --force "$there" 2>/dev/null || :' EXIT
mkdir -p out
git worktree remove --force "$there" 2>/dev/null || :
git worktree add --quiet --detach "$there" "$at"

# put FILE...: copies these, as they are here, into the older tree.
put() { tar -cf - "$@" | tar -C "$there" -xf -; }
build() { (cd "$there" && eng/build.sh Debug test/Stele.Tests/Stele.Tests.csproj) >"$log" 2>&1; }

declaring=()
for test in "$@"; do
    mapfile -t -O ${#declaring[@]} declaring < <(grep -rlE --include='*.cs' \
        "(class|void|Task) [A-Za-z_0-9]*$test" test || echo "before.sh: no test is called $test" >&2)
done
[ ${#declaring[@]} -gt 0 ] || exit 2

echo "the tests as they are here, the source of $(git log -1 --format='%h (%s)' "$at")"
put "${declaring[@]}"
if ! build; then
    rm -rf "$there/test"
    mapfile -t all < <(git ls-files --cached --others --exclude-standard -- test |
        while IFS= read -r file; do [ ! -e "$file" ] || printf '%s\n' "$file"; done)
    put "${all[@]}"
    cp "$log" "$log.files"
    if ! build; then
        cat "$log.files" "$log" | { grep 'error' || tail -n 9 "$log"; } | sed "s|$PWD/$there/||" | head -n 9 >&2
        echo "before.sh: these tests can't be built against that source" >&2
        exit 1
    fi
fi

code=0
for test in "$@"; do
    # A filter of classes and one of methods would both have to hold.
    filter=(-method "*$test*")
    ! grep -rqE --include='*.cs' "class [A-Za-z_0-9]*$test" test || filter=(-class "*$test*")
    (cd "$there" && eng/test.sh Debug "${filter[@]}" -explicit on) >"$log" 2>&1 && said="passes before" || said=
    sum=$(grep '^[0-9]* passed, ' "$log" | tail -n 1 || :)
    failed=$(grep -c '^failed: ' "$log" || :)
    if [ -z "$said" ] && [ "$failed" -gt 0 ]; then said="fails before"; else said=${said:-"ran nowhere"} code=1; fi
    echo "$test: $said ($sum)"
    [ "$said" != "fails before" ] || { grep -m 1 -A 5 '\[FAIL\]' "$log" || :; }
done
exit $code
