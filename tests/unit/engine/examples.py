"""A machine that is ready to run, to change from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from capra.model.choosing.choice import Choice, Offer, Shortfall
from capra.model.machine import CleanUp, MachineKey, MachineSpec, RemoteMachine, Stage
from capra.model.manifest.host_selector import HostSelectorFields
from capra.model.observation import (
    AskedPlaybook,
    BootstrapData,
    Cluster,
    HookText,
    Observation,
    Owner,
    Phase,
    PlaybookRun,
    Problem,
    Record,
    SSHCertificate,
    SSHKey,
)
from capra.model.pool import Holder, PoolEntry, Unreachable
from capra.model.probe import LastProbe, Obstacle
from capra.model.status import Condition, MachineReport

KEY = MachineKey("default", "m")
TOKEN = "H4sIAAAAAAAC/2yTT2/bPBCE7/4V"  # long enough to be taken for a secret, which it is not
DATA = f"""#cloud-config
write_files:
  - {{path: /etc/k0s.token, content: "{TOKEN}", permissions: "0600"}}
runcmd:
  - k0s install worker --token-file /etc/k0s.token
""".encode()
SSH_KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0IGtleSBtYXRlcmlhbA==\n-----END OPENSSH PRIVATE KEY-----\n"
READY = Observation(
    machine=RemoteMachine(KEY, MachineSpec(address="192.0.2.7", ssh_key_name="key"), uid="uid-1"),
    record=Record(),
    now=1000.0,
    owner=Owner("machine", "K0sWorkerConfig"),
    cluster=Cluster("cluster"),
    bootstrap=BootstrapData(DATA, source="Secret m-data"),
    ssh_key=SSHKey(SSH_KEY, "Secret key"),
    become_password="become-pass",
)


def condition(told: MachineReport, kind: str) -> Condition | None:
    """The condition of this type."""
    return next((one for one in told.conditions if one.type == kind), None)


def pool_entry(given: Mapping[str, Any]) -> PoolEntry:
    """An entry; `holder` is `name/uid`."""
    name, _, uid = str(given.get("holder", "")).partition("/")
    values = {key: value for key, value in given.items() if key != "holder"}
    if "unreachable" in values:
        values["unreachable"] = Unreachable(**values["unreachable"])
    if "probe" in values:
        obstacle = values["probe"].get("obstacle")
        values["probe"] = LastProbe(**values["probe"] | {"obstacle": Obstacle(obstacle) if obstacle else None})
    if "offer" in values:
        values["offer"] = Offer(**values["offer"])
    return PoolEntry(**{"spec": MachineSpec(address="192.0.2.9"), **values}, holder=Holder(name, uid) if name else None)


def asked_playbook(name: str = "patch", digest: str = "d1", **given: Any) -> AskedPlaybook:
    """What the annotation `run-playbook` asks for. digest: of its text, which is not there with `held` or `problem`."""
    if "problem" in given:
        return AskedPlaybook(name, **given | {"problem": Problem(**given["problem"])})
    if "held" in given and "read" not in given:
        return AskedPlaybook(name, **given)
    check = bool(given.get("check"))
    text = HookText(Stage.RUN_PLAYBOOK, name, "- hosts: all\n", digest, check=check)
    return AskedPlaybook(name, text=text, **{key: value for key, value in given.items() if key != "read"})


def observation(**changes: Any) -> Observation:
    """READY, changed: a mapping changes fields of a part, `spec` those of the machine's spec; None removes a part."""
    result = READY
    for name, value in changes.items():
        if name == "spec":
            values: dict[str, Any] = {k: tuple(item) if isinstance(item, list) else item for k, item in value.items()}
            if "clean_up" in values:
                values["clean_up"] = CleanUp(values["clean_up"])
            machine = result.machine
            result = replace(result, machine=replace(machine, spec=replace(machine.spec, **values)))
        elif name == "entry":
            result = replace(result, entry=pool_entry(value) if value else None)
        elif name == "pool":
            result = replace(result, pool=tuple(pool_entry(one) for one in value))
        elif name == "choice":
            selector = HostSelectorFields.model_validate(value.get("selector", {})).to_host_selector()
            result = replace(result, choice=Choice(selector, value.get("failure_domain", "")))
        elif name == "shortfall":
            wanted, nobody, fails = (tuple(value[one]) for one in ("wanted", "nobody", "fails"))
            result = replace(result, shortfall=Shortfall(wanted, nobody, value["nearest"], fails))
        elif name == "problem":
            result = replace(result, problem=Problem(**value))
        elif name == "hook_problem":
            result = replace(result, hook_problem=Problem(**value))
        elif name == "playbook":
            result = replace(result, playbook=asked_playbook(**value))
        elif isinstance(value, Mapping):
            fields = dict(value)
            if "phase" in fields:
                fields["phase"] = Phase(fields["phase"])
            if name == "record" and fields.get("clean_up"):
                fields["clean_up"] = CleanUp(fields["clean_up"])
            if name == "ssh_key":
                fields["certificate"] = SSHCertificate("t", "mine", **fields["certificate"])
            if name == "record" and fields.get("playbook"):
                fields["playbook"] = PlaybookRun(**fields["playbook"])
            result = replace(result, **{name: replace(getattr(result, name), **fields)})
        else:
            result = replace(result, **{name: value})
    return result
