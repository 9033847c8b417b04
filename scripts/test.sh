#!/bin/sh
# test.sh: all tests. The unit tests first and alone, with coverage of the whole package, and more of its pure parts; then
# those with real parts.
set -u
cd "$(dirname "$0")/.." || exit
failed=
# The last resort: all waits in tests have limits of their own. By a signal, not a thread: the thread's way ends the whole
# process, and no fixture would take its hosts down.
export PYTEST_TIMEOUT=900
run() {
    printf '\n== %s\n' "$*"
    "$@" || failed="$failed '$*'"
}
run pytest tests/unit --numprocesses=2 --cov --cov-report=term --durations=5
run coverage report --include='*/capra/model/*,*/capra/bootstrap/*,*/capra/engine/*' --fail-under=95
run pytest tests/fuzz --numprocesses=2 --dist=loadfile
# They wait more than they compute, so that there are more processes than processors. See tests/conftest.py.
run pytest tests/e2e tests/hosts tests/component --numprocesses=5 --dist=loadgroup --durations=10
# The fallback: each run starts Ansible by itself.
run env CAPRA_WARM_RUNS=false pytest tests/e2e/test_bootstrap.py tests/e2e/test_k0s_cleanup.py --numprocesses=5
if [ "$(id -u)" = 0 ] || [ "${CI:-}" = true ]; then
    run scripts/molecule.sh
else
    printf '\n== scripts/molecule.sh\nNOT RUN: its hosts take root\n'
fi
[ -z "$failed" ] || { echo "tests failed:$failed" >&2; exit 1; }
