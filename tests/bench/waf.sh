#!/bin/sh
# The WAF beside libmodsecurity with the OWASP core rule set, in one run: sh tests/bench/waf.sh [ROUNDS]
# BUILD names another build directory than build.
set -eu
cd "$(dirname "$0")/../.."
sh pkg/deps.sh bench
build=${BUILD:-build}
cmake --preset release -B "$build" -DAIGW_BUILD_TESTS=ON >build-bench.log 2>&1 || { cat build-bench.log; exit 1; }
rm -f build-bench.log
ninja -C "$build" bench_waf | tail -n 1
bench=$build/bench/bench_waf

echo "CPU time, medians:"
"$bench" cost "${1:-5}"

# What the first check pays for, such as scratch space, is taken off: two checks less one.
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect="$1" \
        "$bench" run "$2" "$3" "$4" 2>&1 | sed -n 's/.*Collected : //p'
}
echo
echo "Instructions (callgrind):"
echo "| request | skip | count-signatures | count-full | libmodsecurity, CRS |"
echo "|---|---|---|---|---|"
for request in get 1 32 256; do
    line="| $request |"
    for engine in skip signatures full peer; do
        function=bench_check_ours
        [ "$engine" = peer ] && function=bench_check_peer
        # half a minute under callgrind each time
        if [ "$engine$request" = peer256 ]; then
            line="$line $(count $function $engine $request 1) |"
            continue
        fi
        line="$line $(($(count $function $engine $request 2) - $(count $function $engine $request 1))) |"
    done
    echo "$line"
done

echo
corpus=../shared/corpora/waf/benign.jsonl
if [ -f "$corpus" ]; then
    "$bench" share "$corpus"
else
    echo "skipped: no corpus at $corpus"
fi
