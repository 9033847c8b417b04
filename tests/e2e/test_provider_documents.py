"""The documents of each bootstrap provider make of a real host what they describe; stand-ins record what they call."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest

from capra.bootstrap import Instance, Step, WriteFile, read
from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.instance_data import EXAMPLE, instance_data
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.support.documents import DIRECTORY, Document, load_all

IGNORED = {
    "kubeadm": ["disk_setup", "fs_setup", "mounts", "ntp", "storage.disks", "storage.filesystems"],
    "rke2": ["disk_setup", "ntp", "storage.filesystems"],
}
"""Disks are tried in test_disks.py, NTP in test_cloud_config.py. By the first word of the document's name."""

STARTS_UNITS_OF_ITS_OWN = ("ignition",)
"""Their units are Flatcar's (docker, a mount of a disk): Ignition is tried in test_formats.py."""

DOCUMENTS = {
    document.name: document
    for document in load_all()
    if (DIRECTORY / f"{document.name}.steps").exists() and not document.name.endswith(STARTS_UNITS_OF_ITS_OWN)
}

CALLS = "/var/log/calls.log"


def _at_night(name: str) -> bool:
    """For each change the fullest document of each provider, or its first one."""
    own = [other for other in sorted(DOCUMENTS) if other.split("-", maxsplit=1)[0] == name.split("-", maxsplit=1)[0]]
    fullest = [other for other in own if other.endswith("everything")]
    return name not in (fullest or own[:1])


EACH = [pytest.param(name, marks=[pytest.mark.nightly] if _at_night(name) else []) for name in sorted(DOCUMENTS)]
RECORDS = f'#!/bin/sh\necho "$(basename "$0") $*" >>{CALLS}\n'
CURL = (
    RECORDS
    + r"""
case "$*" in
*k0s*) echo "echo installer k0s $K0S_VERSION >>/var/log/calls.log" ;;
*k3s*) echo 'echo installer k3s "$INSTALL_K3S_VERSION" "$@" >>/var/log/calls.log' ;;
*rke2*) cat /opt/installer.sh ;;
esac
"""
)
INSTALLER = r"""#!/bin/sh
# Of RKE2, and the one that lies on air-gapped hosts.
echo "installer ${INSTALL_RKE2_VERSION:-}${INSTALL_RKE2_ARTIFACT_PATH:-}${INSTALL_K3S_EXEC:-} ${INSTALL_RKE2_TYPE:-}" \
    >>/var/log/calls.log
mkdir -p /usr/local/share/rke2
echo 'kernel.printk = 4 4 1 7' >/usr/local/share/rke2/rke2-cis-sysctl.conf
for name in rke2-server rke2-agent; do
    printf '[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n' \
        >/etc/systemd/system/$name.service
done
systemctl daemon-reload
"""
SNAP = (
    RECORDS
    + r"""
case "$*" in
"list "*) [ -d /var/snap/microk8s ] || exit 1 ;;
"install microk8s"*)
    cd /var && mkdir -p snap/microk8s/current && cd snap/microk8s/current || exit
    mkdir -p args/cni-network args/traefik certs credentials var/kubernetes/backend
    touch args/kube-apiserver args/kubelet args/containerd-env args/cluster-agent args/apiserver-proxy \
        args/cni-network/cni.yaml args/traefik/provider.yaml certs/csr.conf.template
    for name in client scheduler kubelet proxy controller; do touch credentials/$name.config; done
    ;;
esac
"""
)
SLEEP = """#!/bin/sh
case $1 in 5 | 10 | 20) set -- 0.1 ;; esac
exec /bin/sleep "$@"
"""
PROGRAMS = {
    "/usr/local/bin/sleep": SLEEP,
    "/usr/local/bin/snap": SNAP,
    "/usr/local/bin/curl": CURL,
    "/opt/installer.sh": INSTALLER,
    "/opt/install.sh": INSTALLER,
    **{f"/usr/local/bin/{name}": RECORDS for name in ("kubeadm", "microk8s", "sysctl", "apt", "apt-get", "iptables")},
}
CLEAN_UP = (
    "systemctl unmask rke2-server rke2-agent; systemctl disable --now rke2-server rke2-agent k0sleave;"
    " rm -rf /etc/systemd/system/rke2-*.service /etc/systemd/system/k0sleave.service /etc/init.d/k0sleave /etc/rancher"
    " /usr/local/share/rke2 /etc/sysctl.d/90-rke2-cis.conf /var/log/calls.log /var/log/k0s-calls.log /var/snap;"
    " /usr/local/bin/k0s stop; /usr/local/bin/k0s reset; systemctl daemon-reload; userdel -rf ops; userdel -rf guest;"
    " userdel etcd; rm -f /etc/sudoers.d/90-cloud-init-users /etc/appended.conf; true"
)
MAIN_CALL = {"kubeadm": "kubeadm ", "k3s": "installer ", "rke2": "installer ", "microk8s": "microk8s "}


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """One for the file, with what the documents call."""
    with bring_up() as group:
        for path, content in PROGRAMS.items():
            group[0].ssh(f"mkdir -p $(dirname {path}); cat >{path}; chmod +x {path}", stdin=content, check=True)
        yield group[0]


def _steps(host: Host, document: Document, ignored: list[str]) -> tuple[Step, ...]:
    facts = {**EXAMPLE, "hostname": host.name, "address": host.address}
    known = instance_data(facts, name=host.name, namespace="default", uid="", labels={})
    instance = Instance(known, jinja.render)
    return read(document.value.encode(), format=document.format, instance=instance, ignored=ignored).steps


def _look(host: Host, path: str) -> tuple[bytes, str]:
    """Content, and mode and owner."""
    told = host.ssh(f"base64 -w0 '{path}'; echo; stat -c '%04a %U:%G' '{path}'", check=True).stdout.splitlines()
    return base64.b64decode(told[0]), told[1]


@pytest.mark.usefixtures("standin")
@pytest.mark.parametrize("name", EACH)
def test_a_host_becomes_what_it_describes(host: Host, capra: Capra, name: str) -> None:
    document, provider = DOCUMENTS[name], name.split("-", maxsplit=1)[0]
    ignored = IGNORED.get(provider, [])
    manifest = machine(host, cleanUpCommands=[CLEAN_UP])
    prefix = "capra.infrastructure.cluster.x-k8s.io"
    manifest["metadata"]["annotations"] = {f"{prefix}/ignored-constructs": ", ".join(ignored)}
    if provider == "microk8s":
        manifest["metadata"]["annotations"][f"{prefix}/sentinel"] = "none"
    files = capra.manifests(manifest, key_secret(host))
    data = capra.data(document.value.encode())
    try:
        [report] = capra.json("bootstrap", "-f", files, "--bootstrap-data", data)
        assert report["outcome"] == "Finished"
        _has_all(host, _steps(host, document, ignored), report)
        if provider in MAIN_CALL:
            calls = host.ssh(f"cat {CALLS}").stdout.splitlines()
            assert [call for call in calls if call.startswith(MAIN_CALL[provider])], calls
        else:
            assert " install " in host.ssh("cat /var/log/k0s-calls.log").stdout
    finally:
        capra.run("cleanup", "-f", files)


def _has_all(host: Host, steps: tuple[Step, ...], report: dict[str, Any]) -> None:
    """Every file is there to the byte, every command was run, each once."""
    assert [step["state"] for step in report["steps"]] == ["ok"] * len(report["steps"])
    assert len([step for step in report["steps"] if "sentinel" not in step["title"]]) == len(steps)
    written = {step.path: step for step in steps if isinstance(step, WriteFile) and not step.append}
    # What plays k0s makes authorities of its own.
    for path, step in ((path, step) for path, step in written.items() if not path.startswith("/var/lib/k0s/pki/")):
        owner = step.owner if ":" in step.owner else f"{step.owner or 'root'}:root"
        assert _look(host, path) == (step.content, f"{step.mode} {owner}"), path
