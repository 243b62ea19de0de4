#!/bin/sh
# aigw-serve beside nginx proxy_pass and Portkey, on one stub upstream, interleaved in one run:
# sh tests/bench/compare.sh [ROUNDS]
#
# Prints CPU per request of the proxy process, rate, latency, memory and the ratios; then instruction
# counts (callgrind) of the small pieces. Judges nothing: machines are noisy, ratios of one run are not.
set -eu
cd "$(dirname "$0")/../.."
sh pkg/deps.sh bench
cmake --preset release -DAIGW_BUILD_TESTS=ON >build-bench.log 2>&1 || { cat build-bench.log; exit 1; }
rm -f build-bench.log
ninja -C build aigw-serve aigw-token bench_stub bench_load bench_pieces | tail -n 1
mkdir -p build/bench
if ! cmp -s tests/bench/peers.json build/bench/peers.json && command -v npm >/dev/null 2>&1; then
    cp tests/bench/peers.json build/bench/package.json
    (cd build/bench && npm install --silent --no-audit --no-fund --no-package-lock >install.log 2>&1) &&
        cp tests/bench/peers.json build/bench/peers.json || echo "Portkey could not be installed: left out" >&2
fi
exec /usr/bin/python3 tests/bench/compare.py "${1:-5}"
