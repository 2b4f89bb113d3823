#!/bin/bash
# upgrade-world.sh NAME: makes a whole world with the programs as they were built last (Release), and keeps it as
# test/Stele.Tests/Upgrade/NAME.tar.br, with what is true of it in NAME.json. What is kept is never made again: later
# builds must bring it back to life as it is. test/Stele.Tests/Upgrade/README.md says what is in it.
# Needs bwrap, cc, curl, jq and strace, on x86-64. With KEEP=1 the folder that it was made in stays.
set -euo pipefail
cd "$(dirname "$0")/.."

name=${1:?the name of the world, as in fold-1}
here=$PWD/test/Stele.Tests/Upgrade
stele=$PWD/out/run/stele verify=$PWD/out/run/stele-verify
kept=$here/$name.tar.br
[ ! -e "$kept" ] || { echo "upgrade-world: $kept is there, and is never made again" >&2; exit 1; }
git diff --quiet HEAD -- src || { echo "upgrade-world: src is not as it is committed" >&2; exit 1; }

made=$(mktemp -d /tmp/stele-upgrade.XXXXXX)
world=$made/world homes=$made/world/homes out=$made/out
mkdir -p "$homes" "$out" "$made/desk"
cp "$here"/desk/*.yaml "$made/desk"
port=${PORT:-47070} gateway_port=${GATEWAY_PORT:-47080}
gateway=http://127.0.0.1:$gateway_port/
up=
cleanup() { [ -z "$up" ] || kill -KILL "$up" 2>/dev/null || :; [ -n "${KEEP:-}" ] || rm -rf "$made"; }
trap cleanup EXIT

say() { echo "== $*" >&2; }
as() { local who=$1; shift; STELE_HOME=$homes/$who STELE_DATA=$world "$stele" "$@"; }
# json WHO COMMAND...: its answer
json() { as "$@" --json; }
# refused WHO COMMAND...: must end with 1
refused() {
    local code=0
    as "$@" >&2 || code=$?
    [ "$code" = 1 ] || { echo "upgrade-world: $*: ended with $code" >&2; exit 1; }
}

# start ARGUMENT...: stele up; waits until it says that it is.
start() {
    "$stele" up --data "$world" --home "$homes/owner" --port $port --gateway-port $gateway_port \
        --inspect 1 --segment 65536 "$@" >"$made/up.log" 2>&1 &
    up=$!
    for _ in $(seq 600); do grep -q '^Ctrl-C' "$made/up.log" && return; kill -0 $up || break; sleep 0.1; done
    cat "$made/up.log" >&2; exit 1
}
stop() { kill -TERM "$up"; wait "$up"; up=; }
killed() { kill -KILL "$up"; wait "$up" 2>/dev/null || :; up=; }

# ask COUNT AMOUNT [SUBJECT]: so many decisions; says the last one's id. A node that just started may not serve yet.
ask() {
    curl -sS --retry 90 --retry-delay 1 --retry-connrefused -w '%{http_code} %header{stele-decision}\n' \
        -o "$made/answer" -H "Authorization: Bearer $clerk" -H 'Content-Type: application/json' \
        ${3:+-H "Stele-Subject: $3"} \
        -d "{\"amount\":$2}" "${gateway}desk/prod/decide#[1-$1]" >"$made/answers"
    grep -v '^200 ..*$\|^403 ..*$' "$made/answers" >&2 && exit 1
    [ "$(wc -l <"$made/answers")" = "$1" ] || { cat "$made/answers" >&2; exit 1; }
    sed -n '$s/^... //p' "$made/answers"
}
anchored() { until [ "$(json owner status | jq '.logs[0].anchor.size // 0')" -ge "$1" ]; do sleep 0.2; done; }

say "a ledger, its members, a system"
start --anchor 4 --invite members
token=$(sed -n 's/^token for members: //p' "$made/up.log")
node_token=$(json owner token add members --node --right logs --right bodies | jq -r .token)
for who in builder evaluator risk operator; do
    key=$(json $who key new)
    case $who in
        builder) roles="--role builder --role approver" ;;
        evaluator) roles="--role evaluator" ;;
        risk) roles="--role approver" ;;
        operator) roles="--role deployer" ;;
    esac
    as owner member add --member "$(jq -r .member <<<"$key")" --key "$(jq -r .public <<<"$key")" $roles
    STELE_TOKEN=$token STELE_NODE_TOKEN=$node_token \
        as $who login "http://127.0.0.1:$port/" --trust "$world/trust.json" --gateway "$gateway"
done
as owner system add desk --env prod --env test --risk high --stale-after unlimited --observation-gap 600
as owner log open desk/prod

say "what is frozen and built"
cc -static -nostdlib -Os -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables -s -Wl,--build-id=none \
    -o "$made/desk/desk" "$here/desk/desk.c"
mkdir "$made/desk/source"; cp "$here/desk/desk.c" "$made/desk/source"
# An environment has a program at the path that it has here: this gives it one that says nothing of this machine.
STELE_HOME=$homes/builder bwrap --dev-bind / / --tmpfs /srv --ro-bind "$made/desk/desk" /srv/desk \
    "$stele" freeze --environment native /srv/desk --name runtime
as builder freeze "$made/desk/source" --kind code --name source --licence Apache-2.0
as builder freeze "$here/desk/rows" --kind dataset --name rows --licence CC0-1.0 --origin https://example.com/rows
as builder run "$made/desk/pipeline.yaml" --verify
as builder policy freeze "$made/desk/service.yaml"
for model in strict fair fairer; do
    as builder release "$made/desk/release.yaml" --set name=$model --set model=$model
done

say "the rules, and who answers for what"
right=$(json evaluator check "$made/desk/right.check.yaml" --digest | jq -r .check)
as owner policy set "$made/desk/admission.yaml" --for desk --set right="$right"
as owner policy set "$made/desk/next.yaml" --observe --for desk --set right="$right"
as risk attest eu-ai-act/14.1 --system desk --for 1000d --reason "seen on the spot"

say "refused, approved, deployed"
for model in strict fair fairer; do as evaluator check "$made/desk/right.check.yaml" $model; done
refused operator deploy strict desk/prod
refused operator deploy fair desk/prod
refused builder approve fair desk/prod --yes
for model in fair fairer; do as risk waive small $model desk/prod --for 90d --reason "three components are needed"; done
as risk approve fair desk/prod --yes
as operator deploy fair desk/prod --wait

say "decisions, the first of them past their time"
clerk=$(json owner principal add --for desk/prod --role clerk | jq -r .token)
log=$(json owner status | jq -r '.logs[0].log')
mkdir "$world/kept"
ask 1 1 >/dev/null
as builder receipt "$log/0" --early --out "$world/kept/receipt-early.json"
ask 339 2 >/dev/null
as builder receipt "$log/7" --wait --out "$world/kept/receipt-full.json"
anchored 340
as owner reconcile --from 2020-01-01T00:00:00Z --to "$(date -u +%FT%TZ)" --environment desk/prod >&2
stop
start --only server
as owner retention set desk --bodies 0.00000001 --leaves 0.00000001
as owner retention run
as owner retention floor "$log" 330
pruned=$(json owner log prune desk/prod | jq .begins)
as owner retention set desk --bodies 3650 --leaves 3650
stop

say "upgraded as a canary, then wholly, and rolled back"
since=$(date -u +%FT%TZ)
start --anchor 4
as risk approve fairer desk/prod --canary 20 --yes
as risk approve fair desk/prod --canary 20 --beside fairer --yes
as operator deploy fairer desk/prod --canary 20 --wait
ask 40 100 >/dev/null
as risk approve fairer desk/prod --yes
as operator deploy fairer desk/prod --wait
ask 120 100 >/dev/null
as risk approve fair desk/prod --action rollback --yes
as operator rollback desk/prod --to fair --wait
ask 90 100 >/dev/null
denied=$(ask 1 5000000)             # let through by nobody: the policy in force denies it
watched=$(ask 1 7000)               # the candidate would have denied it
subject=$(ask 3 50 applicant-7)     # three about one person
ask 2 50 applicant-8 >/dev/null
whole=$(ask 1 150)
erased=$(ask 1 150)
held=$(ask 1 150)
begun=$(ask 1 150)
anchored $((${begun##*/} + 1))

say "erased, held, reckoned"
as owner erase "$erased" --reason "they asked in a letter"
as owner erase --subject applicant-7
as owner hold place desk/prod --log "$log" --from "${held##*/}" --to "${held##*/}" --reason "a lawsuit"
refused owner erase "$held"
as owner reconcile --from "$since" --to "$(date -u +%FT%TZ)" --environment desk/prod >&2
as risk receipt "$whole" --wait --out "$world/kept/receipt-whole.json"
as risk receipt "$erased" --wait --out "$world/kept/receipt-erased.json"
as risk receipt "$denied" --wait --out "$world/kept/receipt-denied.json"
stop

say "moved to cold storage; a pack of all there is"
start --only server
moved=$(json owner log move desk/prod --to "$world/cold" --below "${denied##*/}" | jq .begins)
[ "$pruned $moved" = "256 512" ] || { echo "upgrade-world: pruned to $pruned, moved to $moved" >&2; exit 1; }
as owner audit export --out "$world/kept/pack.zip" --from-cold "$world/cold" >&2
rm -f "$world/kept/stele-pack.html"
stop

say "killed with decisions that no entry anchors; the erasure of one was ordered, and nothing is destroyed yet"
start --anchor 3600
base=$(ask 1 150); base=${base##*/}
ask 11 150 >/dev/null
as risk receipt "$log/$((base + 1))" --out "$world/kept/receipt-unanchored.json"
fresh=$log/$((base + 7))
anchor=$(json owner status | jq '.logs[0].anchor.size')
[ "$anchor" -le "$base" ] || { echo "upgrade-world: it was anchored to $anchor" >&2; exit 1; }
killed
start --only server
keys=$(echo "$world"/node/keytable/*[0-9a-f])
# Planned, and killed where the plan would be taken away: order and list of what is to be destroyed are durable by
# then, and nothing is destroyed. The next start of the node does it.
as owner erase "$begun" --draft "$made/draft" >&2
plan=$(ls "$world"/node/erasures/*.plan) before=$(sha256sum "$keys")
STELE_HOME=$homes/owner STELE_DATA=$world strace -f -qq -o "$made/trace" -P "$plan" \
    -e trace=unlink,unlinkat -e inject=unlink,unlinkat:error=EIO:signal=KILL \
    "$stele" erase "$begun" >"$made/begun" 2>&1 && { cat "$made/begun" "$made/trace" >&2; exit 1; }
[ "$before" = "$(sha256sum "$keys")" ] || { echo "upgrade-world: the keys were destroyed" >&2; exit 1; }
[ -e "${plan%.plan}" ] && [ -e "${plan%.plan}.order" ] || {
    cat "$made/begun" >&2; echo "upgrade-world: nothing was begun" >&2; exit 1
}
# No node answers: that is said, and status ends with 1.
json owner status >"$made/status.json" || [ $? = 1 ]
curl -sf -H "Authorization: Bearer $(jq -r .token "$homes/owner/config.json")" "http://127.0.0.1:$port/checkpoint" \
    >"$made/checkpoint"
killed

say "how the auditor's program ends on what is kept"
for f in "$world"/kept/*; do
    code=0; kind=${f##*/}; kind=${kind%%[-.]*}
    "$verify" $kind "$f" --trust "$world/trust.json" >"$made/judged" || code=$?
    echo "${f##*/}: $code: $(head -n 1 "$made/judged")" >&2
    jq -n --arg f "${f##*/}" --argjson c $code '{($f): $c}'
done | jq -s add >"$made/codes"

# Sockets of what was killed are no files; everything else is kept as it lies there.
find "$world" -type s -delete
# Many of the files repeat what others hold: Brotli sees across them where gzip does not.
tar --sort=name --owner=0 --group=0 --numeric-owner -C "$made" -cf "$made/world.tar" world
dotnet run eng/brotli.cs "$made/world.tar" "$out/$name.tar.br"
jq -n --slurpfile status "$made/status.json" --rawfile checkpoint "$made/checkpoint" --slurpfile codes "$made/codes" \
    --arg archive "sha256:$(sha256sum "$out/$name.tar.br" | cut -d' ' -f1)" \
    --arg commit "$(git log -1 --format=%H -- src)" --arg version "$("$stele" --version)" \
    --argjson made "$(date +%s%3N)" \
    --arg log "$log" --argjson recorded $((base + 12)) --argjson pruned "$pruned" --arg clerk "$clerk" \
    --arg denied "$denied" --arg watched "$watched" --arg whole "$whole" --arg erased "$erased" \
    --arg subject "$subject" --arg held "$held" --arg begun "$begun" --arg fresh "$fresh" '
    $status[0] as $s | {
        archive: $archive, commit: $commit, version: $version, made: $made,
        entries: $s.size, state: $s.state, checkpoint: $checkpoint,
        log: $log, recorded: $recorded, anchored: $s.logs[0].anchor.size,
        pruned: $pruned, floor: $s.logs[0].floor, erased: $s.logs[0].erased, clerk: $clerk, codes: $codes[0],
        decisions: {
            pruned: ($log + "/7"), moved: ($log + "/300"), denied: $denied, watched: $watched, whole: $whole,
            erased: $erased, subject: $subject, held: $held, begun: $begun, fresh: $fresh
        }
    }' >"$out/$name.json"
cp "$out/$name.tar.br" "$out/$name.json" "$here"
ls -l "$here/$name".*
