"""The hosts of k0sctl's configuration to machines. Pure. The fields are those of k0sctl's README, 'Host Fields'."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from capra.inventory.imported import Imported, ImportedHost, Problems, as_object_name
from capra.model.manifest.validation import K0SCTL_GROUP

GROUP = f"{K0SCTL_GROUP}/"
CONTROLLERS = frozenset({"controller", "controller+worker", "single"})
ROLES = frozenset({*CONTROLLERS, "worker"})
_WAYS = ("ssh", "openSSH")
_ELSEWHERE = {
    "dataDir": "it is k0s's --data-dir, in the bootstrap provider's arguments",
    "kubeletRootDir": "it is k0s's --kubelet-root-dir, in the bootstrap provider's arguments",
    "installFlags": "they are the bootstrap provider's arguments",
    "noTaints": "it is k0s's --no-taints, in the bootstrap provider's arguments",
    "files": "they are the bootstrap provider's files",
    "hooks": "they are commands of the bootstrap provider, or playbooks in spec.ansible",
    "environment": "it belongs to a file that the bootstrap provider writes",
    "hostname": "the object has the name, and the host keeps its own",
    "privateAddress": "k0s takes the host's own address",
    "privateInterface": "k0s takes the host's own address",
    "reset": "to reset is capra cleanup",
    "bastion": "a jump host is ProxyJump of the SSH configuration",
}
"""Fields without a counterpart, and where what they say belongs."""

_NAMES = {
    "address": "address",
    "port": "port",
    "user": "user",
    "useSudo": "user",  # every user but root
    "hostKeys": "hostKey",
    "sshKeyRef": "keyPath",
    "sshKeyRef.name": "keyPath",
}
"""Fields of a machine to those of `ssh` and `openSSH`."""

_OWN = frozenset({"address", "user", "port", "keyPath", "hostKey"})


def from_k0sctl(
    config: Mapping[str, Any], *, source: str, role: str = "", ssh_key: str = "", carried_out: Collection[str] = ()
) -> Imported:
    """The hosts with SSH; the subject of each is `SOURCE: spec.hosts[N]`. role: only controllers (all kinds of them) or
    workers; empty for all. ssh_key: for hosts without keyPath. carried_out: fields of a host, and `k0s`, that the
    caller carries out itself. Raises InputErrors with every problem."""
    version, kind = config.get("apiVersion"), config.get("kind")
    problems = Problems()
    if version != f"{GROUP}v1beta1" or str(kind).lower() != "cluster":
        problems.add(f"must be Cluster of {GROUP}v1beta1, but is {kind} of {version}", source, "kind")
        problems.raise_all()
    spec = config.get("spec")
    hosts = spec.get("hosts") if isinstance(spec, Mapping) else None
    if not isinstance(hosts, list) or not hosts:
        problems.add("must be a list with at least one host", source, "spec.hosts")
        problems.raise_all()
        raise AssertionError("unreachable")  # raise_all has raised
    notes: list[str] = []
    if isinstance(spec, Mapping) and spec.get("k0s") and "k0s" not in carried_out:
        notes.append("spec.k0s has no counterpart: version and configuration of k0s are the bootstrap provider's")
    found = []
    for number, host in enumerate(hosts):
        one = _Host(source, f"spec.hosts[{number}]", host, problems, notes, carried_out)
        if one.wanted(role) and (read := one.read(ssh_key)) is not None:
            found.append(read)
    if not found and not problems.errors:
        problems.add(f"no host has the role {role or 'of a controller or worker, and SSH'}", source, "spec.hosts")
    problems.raise_all()
    return Imported(tuple(found), tuple(notes))


class _Host:
    """One item of `spec.hosts`."""

    def __init__(
        self,
        source: str,
        place: str,
        given: Any,
        problems: Problems,
        notes: list[str],
        carried_out: Collection[str],
    ) -> None:
        self._told = {"role", *_WAYS, *carried_out}
        self._source, self._place, self._problems, self._notes = source, place, problems, notes
        self._given: Mapping[str, Any] = given if isinstance(given, Mapping) else {}
        if not isinstance(given, Mapping):
            problems.add("must be a mapping", source, place)

    def wanted(self, role: str) -> bool:
        """Whether it has the role."""
        own = self._given.get("role")
        if self._given and own not in ROLES:
            self._add(f"must be one of {', '.join(sorted(ROLES))}", "role")
        return not role or (own in CONTROLLERS) == (role == "controller")

    def read(self, ssh_key: str) -> ImportedHost | None:
        """The host; None where there is none that SSH leads to. What is wrong goes to the problems."""
        way = next((name for name in _WAYS if isinstance(self._given.get(name), Mapping)), "")
        if not way:
            if self._given:
                told = "is left out: it has neither ssh nor openSSH, and SSH is the only way to a machine"
                self._notes.append(f"{self._place} {told}")
            return None
        ssh: Mapping[str, Any] = self._given[way]
        self._refuse_variables(self._given, "")
        fields = {name: ssh[name] for name in ("address", "port") if ssh.get(name) is not None}
        user = ssh.get("user") or ("root" if way == "ssh" else "")
        if not user:
            self._add("is not set, and so it is that of your SSH configuration; write it here", f"{way}.user")
        fields["user"] = user
        if user != "root":
            fields["useSudo"] = True  # k0sctl uses sudo for every user but root
        if ssh.get("hostKey"):
            fields["hostKeys"] = [ssh["hostKey"]]
        key = ssh.get("keyPath") or ssh_key
        if not key:
            self._add("is not set; set it, or give --ssh-key", f"{way}.keyPath")
        if not fields.get("address"):
            self._add("is required", f"{way}.address")
        self._note(way, ssh)
        name = as_object_name(str(self._given.get("hostname") or fields.get("address") or ""))
        names = {ours: f"{way}.{theirs}" for ours, theirs in _NAMES.items()}
        return ImportedHost(f"{self._source}: {self._place}", name, fields, str(key), names)

    def _add(self, problem: str, field: str) -> None:
        self._problems.add(problem, self._source, f"{self._place}.{field}")

    def _refuse_variables(self, values: Mapping[str, Any], place: str) -> None:
        """k0sctl replaces variables of the environment in its file; nobody has done it here."""
        for name, value in values.items():
            where = f"{place}.{name}" if place else str(name)
            if isinstance(value, Mapping) and name in _WAYS:
                self._refuse_variables(value, where)
            elif isinstance(value, str) and "$" in value and (place or name in ("hostname", "role")):
                self._add("has a variable of the environment, as envsubst replaces them; run envsubst first", where)

    def _note(self, way: str, ssh: Mapping[str, Any]) -> None:
        others = [name for name, value in self._given.items() if value and name not in self._told]
        others += [f"{way}.{name}" for name, value in ssh.items() if value and name not in _OWN]
        for name in others:
            why = _ELSEWHERE.get(name.rpartition(".")[2], "a machine has no such field")
            self._notes.append(f"{self._place}.{name} has no counterpart: {why}")
