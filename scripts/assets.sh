#!/bin/sh
# assets.sh: builds what the tests run on: the programs of the test control plane, and the file systems of the test hosts.
# What this machine cannot have (hosts take root) is said on a laptop, where the tests that need it are skipped, and is an
# error in CI.
set -u
for part in tests.controlplane tests.hosts; do
    python -m "$part" assets
    status=$?
    if [ "$status" = 69 ] && [ "${CI:-}" != true ]; then
        echo "NOT BUILT: tests that need $part will be skipped" >&2
    elif [ "$status" != 0 ]; then
        exit "$status"
    fi
done
