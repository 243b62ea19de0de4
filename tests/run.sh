#!/bin/sh
# Runs every test: sh tests/run.sh [STAGE...]
#
# Stages, in order: release (gcc, with Python), asan (clang, ASan and UBSan), tsan (what threads share),
# fuzz (each target for a few seconds), valgrind, install, e2e (real clients and servers, on the gcc
# and on the sanitizer build). Without arguments: all. Reuses what an earlier run built. Prints the
# counts and ends with "N passed, N failed, N skipped"; the exit status is 0 only if nothing failed.
set -eu
cd "$(dirname "$0")/.."
top=$(pwd)
stages=${*:-release asan tsan fuzz valgrind install e2e}
results=$top/build/results
rm -rf "$results"
mkdir -p "$results"

sh pkg/deps.sh test

# Coming over the network, the peers of the end-to-end tests come while the rest is built and run.
peers=
case " $stages " in *" e2e "*)
    mkdir -p build
    sh tests/e2e/peers.sh >build/peers.log 2>&1 &
    peers=$!
    ;;
esac

configure() { # PRESET ARGS...
    preset=$1
    shift
    cmake --preset "$preset" "$@" >"$top/build/configure-$preset.log" 2>&1 ||
        { cat "$top/build/configure-$preset.log"; exit 1; }
}

stage_release() {
    # The quick start may have left tests and examples out.
    configure release -DAIGW_BUILD_TESTS=ON -DAIGW_BUILD_EXAMPLES=ON -DAIGW_BUILD_PYTHON=ON \
        -DPython3_EXECUTABLE=/usr/bin/python3
    ninja -C build | tail -n 3
    ctest --test-dir build --output-junit "$results/release.xml" --output-on-failure -j 2 --quiet || true
}

stage_asan() {
    configure asan
    ninja -C build/asan | tail -n 3
    ctest --test-dir build/asan --output-junit "$results/asan.xml" --output-on-failure -j 2 --quiet || true
}

stage_tsan() {
    configure tsan
    ninja -C build/tsan | tail -n 3
    # What several threads share: caches, key sets, token source, gateway reload, server.
    ctest --test-dir build/tsan --output-junit "$results/tsan.xml" --output-on-failure -j 2 --quiet \
        -R '^unit\.(gate|rim|gateway|server)\.' || true
}

stage_fuzz() {
    configure fuzz
    ninja -C build/fuzz | tail -n 3
    # The same each time: to find something new is for the long runs, not for a test command.
    AIGW_FUZZ_SEED=1 sh tests/fuzz/run.sh "${AIGW_FUZZ_SECONDS:-4}" >"$results/fuzz.txt" 2>&1 || true
    tail -n 1 "$results/fuzz.txt"
}

stage_valgrind() {
    # The byte machines, the codecs and one exchange, leak check on, two programs at a time: what the
    # sanitizers cannot see (uninitialised reads).
    rm -rf "$results/valgrind"
    mkdir "$results/valgrind"
    for program in build/tests/unit_base_json build/tests/unit_proto_* build/tests/unit_chat_* \
        build/tests/unit_wire_* build/tests/unit_gateway_exchange; do
        [ -x "$program" ] && echo "${program##*/}"
    done | grep -v '\.' | xargs -P 2 -I{} sh -c 'timeout 600 valgrind -q --error-exitcode=99 --leak-check=full \
        --errors-for-leak-kinds=definite build/tests/{} >"$1/{}.log" 2>&1 && mv "$1/{}.log" "$1/{}.ok" ||
        { echo "valgrind: {}"; tail -n 30 "$1/{}.log"; }' sh "$results/valgrind"
    pass=$(find "$results/valgrind" -name '*.ok' | wc -l) fail=$(find "$results/valgrind" -name '*.log' | wc -l)
    echo "$pass $fail 0" >"$results/valgrind.count"
}

stage_install() {
    if sh tests/e2e/install.sh "$top/build" >"$results/install.log" 2>&1; then
        echo "1 0 0" >"$results/install.count"
    else
        cat "$results/install.log"
        echo "0 1 0" >"$results/install.count"
    fi
}

stage_e2e() {
    wait "$peers" || { cat build/peers.log; echo "the peers could not be installed"; } >&2
    # The whole end-to-end suite on the gcc build, then what needs no peer again on the sanitizer build.
    PYTHONPATH=build/python build/venv/bin/python -m pytest -q -p no:cacheprovider -o junit_family=xunit1 tests/e2e \
        bindings/python/tests --junitxml "$results/e2e.xml" || true
    if [ -x build/asan/bin/aigw-serve ]; then
        AIGW_BUILD=$top/build/asan build/venv/bin/python -m pytest -q -p no:cacheprovider -o junit_family=xunit1 \
            -m 'not slow' tests/e2e --junitxml "$results/e2e-asan.xml" || true
    fi
}

for stage in $stages; do
    echo "== $stage ($(date +%H:%M:%S))"
    "stage_$stage"
done
echo "== end ($(date +%H:%M:%S))"
/usr/bin/python3 tests/summary.py "$results" $stages
