#!/bin/sh
# The peers of the end-to-end tests that nobody here wrote: official SDKs and a mock upstream, from
# PyPI into build/venv and from npm into build/node. Does nothing when they are there.
set -eu
cd "$(dirname "$0")/../.."
mkdir -p build/node

if ! cmp -s tests/e2e/requirements.txt build/venv/requirements.txt 2>/dev/null; then
    /usr/bin/python3 -m venv build/venv
    build/venv/bin/pip install -q --disable-pip-version-check -r tests/e2e/requirements.txt
    cp tests/e2e/requirements.txt build/venv/requirements.txt
fi

if ! command -v npm >/dev/null 2>&1; then
    echo "npm is absent: the tests with Node peers will be skipped" >&2
elif ! cmp -s tests/e2e/peers.json build/node/peers.json 2>/dev/null; then
    cp tests/e2e/peers.json build/node/package.json
    if (cd build/node && npm install --silent --no-audit --no-fund --no-package-lock >install.log 2>&1); then
        cp tests/e2e/peers.json build/node/peers.json
    else
        tail -n 5 build/node/install.log >&2
        echo "npm could not install the peers: their tests will be skipped" >&2
    fi
fi
