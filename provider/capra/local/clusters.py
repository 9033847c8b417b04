"""The file of a k0s cluster → its hosts as prepared machines, checked before any host is contacted."""

from __future__ import annotations

import time
from dataclasses import replace

from capra.clusters.cluster import ClusterHost, K0sCluster
from capra.clusters.data import TITLES, bootstrap_data
from capra.clusters.reading import read_cluster
from capra.engine.plan import read_bootstrap
from capra.errors import InputError
from capra.inventory.imported import documents
from capra.local.inventories.keys import read_host_keys
from capra.local.logins import LoginOptions, check_offered
from capra.local.prepare import PreparedMachine, PreparedMachines
from capra.local.reading.manifests import read_file
from capra.model.machine import RemoteMachine
from capra.model.manifest.machines import RemoteMachineDocument
from capra.model.manifest.validation import to_document
from capra.model.observation import BootstrapData, Cluster, Owner, Record, SSHKey

KINDS = {"controller": "K0sControllerConfig", "worker": "K0sWorkerConfig"}
"""Of bootstrap configurations that would make such a host: a cleanup knows its role by them."""


def load_cluster(file: str, ssh_key: str = "") -> K0sCluster:
    """The cluster of a k0sctl.yaml; `-` is standard input. ssh_key: path, for hosts that name none. Raises
    InputErrors."""
    found = read_file(file)
    if strange := [one.subject for one in found if not isinstance(one.content, dict)]:
        raise InputError("must be a mapping", subject=strange[0])
    return read_cluster([one.content for one in found], source=file, ssh_key=ssh_key)


def prepare_cluster(cluster: K0sCluster, *, sentinel: str, logins: LoginOptions | None = None) -> PreparedMachines:
    """Its hosts as machines, with their bootstrap data, in the file's order. sentinel: see `bootstrap_data`. logins:
    what options give for all hosts, but a key, which the cluster has. Raises InputErrors with what no machine
    may have."""
    given = logins or LoginOptions()
    imported = [host.imported for host in cluster.hosts]
    keys = read_host_keys(imported, given)
    made = documents(imported, {path: key.openssh for path, key in keys.items()})[-len(imported) :]
    prepared = {}
    for host, document in zip(cluster.hosts, made, strict=True):
        read = to_document(document, host.imported.subject)
        assert isinstance(read, RemoteMachineDocument)
        key = replace(keys[host.imported.key_file], source=host.imported.key_file)
        check_offered(key, time.time(), host.imported.subject)
        one = _prepared(cluster, host, read.to_machine(), key, sentinel, given.become_password)
        prepared[one.machine.key] = one
    return PreparedMachines(prepared)


def _prepared(
    cluster: K0sCluster, host: ClusterHost, machine: RemoteMachine, key: SSHKey, sentinel: str, become_password: str
) -> PreparedMachine:
    data = BootstrapData(bootstrap_data(cluster, host, sentinel), "cloud-config", host.imported.subject, TITLES)
    one = PreparedMachine(
        machine=machine,
        owner=Owner(machine.key.name, KINDS[host.role.service], control_plane=host.controls),
        cluster=Cluster(cluster.name),
        ssh_key=key,
        bootstrap=data,
        become_password=become_password,
    )
    read_bootstrap(one.observe(machine, Record(), 0.0))
    return one
