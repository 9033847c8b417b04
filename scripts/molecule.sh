#!/bin/sh
# molecule.sh: `molecule test --all`, ending with the line "N passed, N failed, N skipped". Molecule takes the hosts of a
# scenario that fails down itself; this also does when it is interrupted.
set -u
cd "$(dirname "$0")/.." || exit
# Molecule keeps its state by the name of the checkout's directory: two of one name must not share it.
export ANSIBLE_HOME="$PWD/.ansible"
# Molecule would rather have scenarios in extensions/, and says so each time.
export MOLECULE_GLOB='molecule/*/molecule.yml'
# Molecule finds this file itself in a git checkout only.
config=.config/molecule/config.yml
work=$(mktemp -d) || exit
trap 'rm -rf "$work"' EXIT

# shellcheck disable=SC2329 # the trap calls it
interrupted() {
    trap '' INT TERM HUP
    echo "interrupted: taking the hosts down" >&2
    kill -TERM "-$run"
    wait
    molecule --base-config "$config" destroy --all --no-report </dev/null >"$work/log" 2>&1 || cat "$work/log" >&2
    exit 130
}

# The reader below must find it, however late the writer begins.
: >"$work/log"
# A session of its own, so that all of it can be ended: Molecule does not end what it has started.
setsid molecule --base-config "$config" test --all --report </dev/null >"$work/log" 2>&1 &
run=$!
trap interrupted INT TERM HUP
# Molecule also looks for a scenario named `default`, and says so in red when there is none, which is no failure.
tail -n +1 -f --pid="$run" "$work/log" | sed -u "/molecule\/default\/molecule.yml' glob failed/d" &
wait "$run"
status=$?
trap - INT TERM HUP
wait

passed=$(grep -c 'actions=.*failed=0' "$work/log")
failed=$(grep -c 'actions=.*failed=[1-9]' "$work/log")
all=$(find molecule -mindepth 2 -maxdepth 2 -name molecule.yml | wc -l)
echo "$passed passed, $failed failed, $((all - passed - failed)) skipped"
exit "$status"
