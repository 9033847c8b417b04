#!/bin/sh
# molecule.sh: `molecule test --all`, ending with the line "N passed, N failed, N not run". Molecule itself takes the
# hosts down when a scenario fails; this also does when it is interrupted.
set -u
cd "$(dirname "$0")/.." || exit
# Molecule keeps its state by the name of the checkout's directory: two of one name must not share it.
export ANSIBLE_HOME="$PWD/.ansible"
# Molecule would rather have scenarios in extensions/, and says so each time.
export MOLECULE_GLOB='molecule/*/molecule.yml'
log=$(mktemp) || exit
trap 'rm -f "$log"' EXIT

interrupted() {
    trap '' INT TERM HUP
    echo "interrupted: taking the hosts down" >&2
    kill -TERM -- "-$run"
    wait "$run"
    molecule destroy --all --no-report </dev/null >"$log" 2>&1 || cat "$log" >&2
    exit 130
}

# A process group of its own, so that all of it can be ended: Molecule does not end what it has started.
set -m
(
    { molecule test --all --report </dev/null 2>&1; echo "status=$?"; } | tee "$log"
) &
run=$!
set +m
trap interrupted INT TERM HUP
wait "$run"
trap - INT TERM HUP

passed=$(grep -c 'actions=.*failed=0' "$log")
failed=$(grep -c 'actions=.*failed=[1-9]' "$log")
all=$(find molecule -mindepth 2 -maxdepth 2 -name molecule.yml | wc -l)
echo "$passed passed, $failed failed, $((all - passed - failed)) not run"
[ "$passed" -eq "$all" ] && [ "$(tail -n 1 "$log")" = status=0 ]
