#!/usr/bin/env bash
# See to what the tests need besides Python packages, or say aloud what will be skipped.
set -euo pipefail

can_install() { [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; }

updated=
install() {
    if ! can_install; then return 1; fi
    if [ -z "$updated" ]; then apt-get update -qq >/dev/null && updated=1; fi
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null
}

# need PROGRAM PACKAGE WHAT: install PACKAGE when PROGRAM is missing, else say which tests are skipped.
need() {
    if command -v "$1" >/dev/null; then return 0; fi
    echo "Installing $2 for $3 …"
    if ! install "$2"; then
        echo "SKIPPING $3: $1 is missing. As root on Debian: apt-get install $2"
    fi
}

need chromium chromium "the browser tests"
need node nodejs "the tests of the JavaScript snippets"
need faketime faketime "the tests with a clock that steps back"

# Clients that others wrote for Akismet, Perspective, OpenAI and Standard Webhooks, at the versions their
# package.json names; into node_modules, which git ignores. Scripts of packages are not run.
clients=tests/service/compat/node
if command -v node >/dev/null && [ ! -e "$clients/node_modules/.package-lock.json" -o \
    "$clients/package.json" -nt "$clients/node_modules/.package-lock.json" ]; then
    need npm npm "the tests with clients from npm"
    if command -v npm >/dev/null; then
        echo "Installing clients from npm …"
        timeout 180 npm install --prefix "$clients" --no-package-lock --no-audit --no-fund --ignore-scripts \
            --loglevel=error --fetch-retries=1 --fetch-timeout=20000 >/dev/null ||
            echo "SKIPPING the tests with clients from npm: its registry cannot be reached."
    fi
fi
need prometheus prometheus "the test of the dashboard's queries"
