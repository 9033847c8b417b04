"""What is remembered: records, host keys, locks."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import fields, replace
from pathlib import Path

import pytest

from capra.errors import Fatal, InputError
from capra.local.files import lock_holder
from capra.local.known_hosts import KnownHosts
from capra.local.prepare import PreparedMachine, PreparedMachines
from capra.local.state import StateDirectory
from capra.local.store import FileStore, has_other_data
from capra.model.bastion import Bastion
from capra.model.machine import CleanUp, MachineKey, MachineSpec, RemoteMachine
from capra.model.observation import BootstrapData, Cluster, Owner, Phase, Record
from tests.unit.local.examples import HOST_KEY, OTHER_HOST_KEY

MACHINE = RemoteMachine(MachineKey("default", "node-0"), MachineSpec(address="192.0.2.1", port=2222))
RECORD = Record(
    phase=Phase.BOOTSTRAPPING,
    run_id="bootstrap-1",
    digest="abc",
    uid="uid-1",
    bootstrap_kind="K0sWorkerConfig",
    clean_up=CleanUp.VERIFY,
    distributions=("k0s", "rke2"),
    host_keys=(HOST_KEY,),
    attempts=2,
    unreached=1,
    reason="StepFailed",
    message="step 1 failed",
    changed_at=5.0,
    cleaning_since=4.0,
    host_name="node-0.example.org",
    host_addresses=("192.0.2.7", "2001:db8::7"),
    facts={"hostname": "node-0", "place": "192.0.2.1:2222"},
    warnings=("growpart is not done",),
    hooks=("beforeBootstrap/harden:00ff",),
)
"""No field has its default, but the one that is not kept."""


@pytest.fixture
def state(tmp_path: Path) -> StateDirectory:
    made = StateDirectory(tmp_path / "capra")
    made.prepare()
    return made


def _machine_file(tmp_path: Path) -> Path:
    return tmp_path / "capra" / "machines" / "default.node-0@192.0.2.1_2222.json"


def _store(state: StateDirectory, *, deleting: bool = False, data: bytes = b"data") -> FileStore:
    prepared = PreparedMachine(MACHINE, Owner("node-0"), Cluster(""), None, BootstrapData(data))
    return FileStore(PreparedMachines({MACHINE.key: prepared}), state, lambda: 7.0, deleting=deleting)


def test_a_record_survives(tmp_path: Path, state: StateDirectory) -> None:
    state.write(MACHINE, RECORD)

    assert state.read(MACHINE) == RECORD
    assert [one.record for one in state.all()] == [RECORD]
    assert stat.S_IMODE(_machine_file(tmp_path).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "capra").stat().st_mode) == 0o700
    assert (tmp_path / "capra" / "known_hosts").read_text() == f"[192.0.2.1]:2222 {HOST_KEY}\n"


def test_no_field_of_a_record_is_forgotten() -> None:
    """But for those that only a cluster has, and for keys of bastions, which a manifest names."""
    default = Record()

    assert [one.name for one in fields(Record) if getattr(RECORD, one.name) == getattr(default, one.name)] == [
        "bastion_keys",
        "not_before",
        "playbook",
    ]


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path, state: StateDirectory) -> None:
    state.write(MACHINE, RECORD)
    saved = json.loads(_machine_file(tmp_path).read_text())
    later = (
        "uid",
        "bootstrapKind",
        "cleanUp",
        "distributions",
        "cleaningSince",
        "hostName",
        "hostAddresses",
        "facts",
        "warnings",
        "hooks",
    )
    for name in later:
        del saved[name]
    _machine_file(tmp_path).write_text(json.dumps(saved))

    earlier = replace(
        RECORD,
        uid="",
        bootstrap_kind="",
        clean_up=None,
        distributions=(),
        cleaning_since=0.0,
        host_name="",
        host_addresses=(),
        facts={},
        warnings=(),
        hooks=(),
    )
    assert state.read(MACHINE) == earlier


def test_an_explicit_call_is_not_held_up(state: StateDirectory) -> None:
    state.write(MACHINE, replace(RECORD, not_before=99.0))

    assert state.read(MACHINE).not_before == 0.0


def test_host_keys_alone_leave_no_machine_file(tmp_path: Path, state: StateDirectory) -> None:
    state.write(MACHINE, Record(host_keys=(HOST_KEY,)))

    assert state.read(MACHINE) == Record(host_keys=(HOST_KEY,))
    assert not _machine_file(tmp_path).exists()


def test_two_names_never_share_a_file(tmp_path: Path, state: StateDirectory) -> None:
    long = [
        RemoteMachine(MachineKey("default", "n" * 253), MachineSpec(address="h" * 60 + end)) for end in (".one", ".two")
    ]
    for machine in (*long, MACHINE, replace(MACHINE, spec=MachineSpec(address="192.0.2.1"))):
        state.write(machine, RECORD)

    assert len(list((tmp_path / "capra" / "machines").iterdir())) == 4


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is damaged; remove it"),
        ("{", "is damaged; remove it"),
        ("[]", "is damaged; remove it"),
        ('{"version": 1}', "is damaged; remove it"),
        ("\udc80", "is damaged; remove it"),
        ('"phase"', "is damaged; remove it"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, state: StateDirectory, text: str, problem: str) -> None:
    _machine_file(tmp_path).write_bytes(text.encode("utf-8", "surrogateescape"))

    with pytest.raises(InputError, match=problem) as caught:
        _store(state).check()

    assert str(_machine_file(tmp_path)) in str(caught.value)


def test_a_later_version_is_not_guessed_at(tmp_path: Path, state: StateDirectory) -> None:
    state.write(MACHINE, RECORD)
    saved = json.loads(_machine_file(tmp_path).read_text())
    _machine_file(tmp_path).write_text(json.dumps(saved | {"version": 2}))

    with pytest.raises(InputError, match="has version 2, and this capra knows version 1"):
        state.read(MACHINE)


def test_a_state_directory_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(InputError, match=r"state directory .*/file/capra: cannot be made: Not a directory"):
        StateDirectory(tmp_path / "file" / "capra").prepare()


def test_known_hosts_are_replaced_by_host(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"# mine\nother {HOST_KEY}\n[192.0.2.1]:22 {HOST_KEY} comment\n\n192.0.2.1 {HOST_KEY}\n")
    hosts = KnownHosts(path)
    assert hosts.keys("192.0.2.1", 22) == (HOST_KEY, HOST_KEY)

    hosts.pin("192.0.2.1", 22, [OTHER_HOST_KEY])
    hosts.pin("2001:DB8::1", 2222, [HOST_KEY])

    assert hosts.keys("192.0.2.1", 22) == (OTHER_HOST_KEY,)
    assert hosts.keys("2001:db8:0::1", 2222) == (HOST_KEY,)
    assert hosts.keys("OTHER", 22) == (HOST_KEY,)
    assert path.read_text().splitlines()[1] == f"192.0.2.1 {OTHER_HOST_KEY}"


def test_a_damaged_line_of_known_hosts_is_named(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    path.write_text(f"other {HOST_KEY}\nhost nonsense\n")

    with pytest.raises(InputError, match="known_hosts: line 2 is not 'HOST TYPE KEY'"):
        KnownHosts(path).keys("other", 22)


def test_only_one_capra_at_a_machine(tmp_path: Path, state: StateDirectory) -> None:
    pid = os.getpid()
    with (
        state.lock(MACHINE),
        pytest.raises(Fatal, match=rf"another capra \(pid {pid}\) is at work on RemoteMachine default/node-0"),
        state.lock(MACHINE),
    ):
        pass
    with state.lock(MACHINE):
        assert state.remembered(MACHINE).busy == str(pid)
    assert state.remembered(MACHINE).busy == ""
    assert lock_holder(tmp_path / "absent") == ""


async def test_the_store_takes_an_unknown_host_for_one_that_may_need_cleaning(state: StateDirectory) -> None:
    store = _store(state, deleting=True)

    observation = await store.load(MACHINE.key)
    await store.save(observation, replace(observation.record, host_keys=(HOST_KEY,)))

    assert observation.record.phase is Phase.BOOTSTRAPPING
    assert observation.machine.deleting
    assert observation.now == 7.0
    assert state.read(MACHINE) == Record(host_keys=(HOST_KEY,))


async def test_the_store_takes_no_host_for_clean_that_was_not_asked(state: StateDirectory) -> None:
    clean = Record(phase=Phase.CLEAN, host_keys=(HOST_KEY,))
    state.write(MACHINE, clean)
    store = _store(state, deleting=True)

    observation = await store.load(MACHINE.key)
    await store.save(observation, replace(observation.record, attempts=1))

    assert observation.record == replace(clean, phase=Phase.BOOTSTRAPPING)
    assert state.read(MACHINE) == replace(clean, attempts=1)
    assert (await _store(state).load(MACHINE.key)).record.phase is Phase.CLEAN


@pytest.mark.parametrize("shown", [(), (OTHER_HOST_KEY,)], ids=["not reached", "reached for the first time"])
async def test_a_key_that_was_pinned_during_a_run_stays(state: StateDirectory, shown: tuple[str, ...]) -> None:
    store = _store(state)
    observation = await store.load(MACHINE.key)
    state.known_hosts.pin(MACHINE.spec.address, MACHINE.spec.port, (HOST_KEY,))  # as `capra trust` does

    await store.save(observation, replace(observation.record, attempts=1, host_keys=shown))

    assert state.read(MACHINE) == Record(attempts=1, host_keys=(HOST_KEY,))


def test_the_record_of_another_uid_is_another_machines(state: StateDirectory) -> None:
    state.write(MACHINE, RECORD)

    assert state.read(replace(MACHINE, uid="uid-2")) == Record(host_keys=(HOST_KEY,))
    assert state.read(replace(MACHINE, uid="uid-1")) == RECORD
    assert state.read(MACHINE) == RECORD
    state.write(replace(MACHINE, uid="uid-2"), replace(RECORD, uid="uid-2"))
    assert state.read(replace(MACHINE, uid="uid-1")) == Record(host_keys=(HOST_KEY,))


async def test_an_adopted_machine_has_its_uid_noted(state: StateDirectory) -> None:
    machine = replace(MACHINE, uid="uid-1")
    prepared = PreparedMachine(machine, Owner("node-0"), Cluster(""), None, None)
    store = FileStore(PreparedMachines({machine.key: prepared}), state, lambda: 7.0)

    await store.save(await store.load(machine.key), Record(phase=Phase.PROVISIONED))

    assert state.read(replace(MACHINE, uid="uid-2")).phase is Phase.NEW
    assert state.read(machine).phase is Phase.PROVISIONED


async def test_other_data_than_what_the_host_was_provisioned_with(state: StateDirectory) -> None:
    # SHA-256 of b"data"
    digest = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7"
    state.write(MACHINE, replace(RECORD, phase=Phase.PROVISIONED, digest=digest))

    assert not has_other_data(await _store(state).load(MACHINE.key))
    assert has_other_data(await _store(state, data=b"other").load(MACHINE.key))


@pytest.mark.parametrize(
    ("name", "address", "doubted"),
    [("other", "192.0.2.1", True), ("other", "::ffff:192.0.2.1", True), ("other", "192.0.2.2", False)],
)
async def test_who_takes_a_host_over_makes_others_ask_it(
    state: StateDirectory, name: str, address: str, doubted: bool
) -> None:
    """What is remembered of them is not true any more, and their next bootstrap would do nothing."""
    other = RemoteMachine(MachineKey("default", name), MachineSpec(address=address, port=2222))
    state.write(other, replace(RECORD, phase=Phase.PROVISIONED))
    prepared = PreparedMachine(MACHINE, Owner("node-0"), Cluster(""), None, BootstrapData(b"data"))
    store = FileStore(PreparedMachines({MACHINE.key: prepared}), state, lambda: 7.0, taking_over=True)
    observed = await store.load(MACHINE.key)
    await store.save(observed, replace(RECORD, phase=Phase.PROVISIONED))
    assert state.read(other).phase is (Phase.BOOTSTRAPPING if doubted else Phase.PROVISIONED)
    assert state.read(MACHINE).phase is Phase.PROVISIONED


async def test_without_taking_over_nobody_is_doubted(state: StateDirectory) -> None:
    other = replace(MACHINE, key=MachineKey("default", "other"))
    state.write(other, replace(RECORD, phase=Phase.PROVISIONED))
    store = _store(state)
    await store.save(await store.load(MACHINE.key), replace(RECORD, phase=Phase.PROVISIONED))
    assert state.read(other).phase is Phase.PROVISIONED


async def test_keys_of_bastions_are_remembered_as_those_of_hosts(tmp_path: Path) -> None:
    state = StateDirectory(tmp_path)
    state.prepare()
    bastion = Bastion("192.0.2.9", 2222, bastion=Bastion("192.0.2.8"))
    machine = replace(MACHINE, spec=replace(MACHINE.spec, bastion=bastion))
    prepared = PreparedMachine(machine, Owner("m"), Cluster("c"), None, None)
    store = FileStore(PreparedMachines({machine.key: prepared}), state, lambda: 0.0)
    observation = await store.load(machine.key)
    seen = (f"[192.0.2.9]:2222 {HOST_KEY}", f"192.0.2.8 {OTHER_HOST_KEY}", f"192.0.2.7 {HOST_KEY}")

    await store.save(observation, replace(observation.record, bastion_keys=seen))

    assert state.read(machine).bastion_keys == seen[:2]
    store.pin(machine.key, (), (f"192.0.2.8 {HOST_KEY}",))
    assert state.known_hosts.keys("192.0.2.8", 22) == (OTHER_HOST_KEY,)
