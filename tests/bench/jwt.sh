#!/bin/sh
# Token verification beside bare OpenSSL and libjwt, in one run: sh tests/bench/jwt.sh [ROUNDS]
set -eu
cd "$(dirname "$0")/../.."
sh pkg/deps.sh test
cmake --preset release -DAIGW_BUILD_TESTS=ON >build-bench.log 2>&1 || { cat build-bench.log; exit 1; }
rm -f build-bench.log
ninja -C build bench_jwt | tail -n 1
exec build/bench/bench_jwt "${1:-9}"
