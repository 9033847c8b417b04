#!/bin/sh
# test.sh: all tests. The unit tests first and alone, with coverage of the pure parts; then those with real parts.
set -u
cd "$(dirname "$0")/.." || exit
failed=
run() {
    printf '\n== %s\n' "$*"
    "$@" || failed="$failed $1-$2"
}
run pytest tests/unit --numprocesses=2 --cov --cov-report=term --durations=5
run pytest tests/component tests/e2e tests/hosts --numprocesses=3 --dist=loadgroup --durations=10
if [ "$(id -u)" = 0 ] || [ "${CI:-}" = true ]; then
    run scripts/molecule.sh
else
    printf '\n== scripts/molecule.sh\nNOT RUN: its hosts take root\n'
fi
[ -z "$failed" ] || { echo "tests failed:$failed" >&2; exit 1; }
