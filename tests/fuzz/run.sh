#!/bin/sh
# Runs each fuzz target for N seconds (default 10), two at a time: sh tests/fuzz/run.sh [SECONDS [NAME...]]
# Needs the fuzz preset built. One line a target: "ok NAME runs" or "FAILED NAME"; findings stay in
# build/fuzz/findings. Long runs by hand: sh tests/fuzz/run.sh 300. AIGW_FUZZ_SEED=N makes a run like the last one.
set -u
cd "$(dirname "$0")/../.."
seconds=${1:-10}
[ $# -gt 0 ] && shift
names=${*:-$(cd tests/fuzz && ls ./*_fuzz.c | sed 's|^\./||; s|_fuzz\.c$||')}
mkdir -p build/fuzz/findings build/fuzz/corpus

one() {
    corpus=build/fuzz/corpus/$1
    mkdir -p "$corpus"
    log=build/fuzz/$1.log
    if build/fuzz/tests/"$1"_fuzz -max_total_time="$seconds" ${AIGW_FUZZ_SEED:+-seed=$AIGW_FUZZ_SEED} -timeout=10 -rss_limit_mb=2048 \
        -artifact_prefix=build/fuzz/findings/"$1"- -print_final_stats=1 \
        "$corpus" tests/fuzz/seeds/"$1" >"$log" 2>&1; then
        echo "ok $1 $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs in $seconds s"
    else
        echo "FAILED $1"
        grep -E 'ERROR|SUMMARY|Test unit written|Assert' "$log" | head -n 5
    fi
}

failed=0
pending=
wait_for_all() {
    for name in $pending; do
        wait
        cat "build/fuzz/$name.verdict"
        grep -q '^FAILED' "build/fuzz/$name.verdict" && failed=$((failed + 1))
    done
    pending=
}
for name in $names; do
    one "$name" >"build/fuzz/$name.verdict" 2>&1 &
    pending="$pending $name"
    [ "$(echo "$pending" | wc -w)" -ge 2 ] && wait_for_all
done
wait_for_all
echo "fuzz: $(echo "$names" | wc -w) targets, $failed failed"
[ "$failed" = 0 ]
