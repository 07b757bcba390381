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
