"""cloud-init on a test host: a document through NoCloud, its four stages in the order of a boot."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from itertools import count

from tests.hosts import Host

_INSTANCES = count(1)

SETTINGS = """\
# Where the document comes from, and what must be left alone: the network, the host's keys, apt's sources.
datasource_list: [NoCloud, None]
network: {config: disabled}
ssh_deletekeys: false
ssh_genkeytypes: [ed25519]
apt: {preserve_sources_list: true}
apt_pipelining: none
grub_dpkg: {enabled: false}
no_ssh_fingerprints: true
growpart: {mode: "off"}
resize_rootfs: false
disable_root: false
"""
"""For /etc/cloud/cloud.cfg.d. The lists of modules stay those of the package."""

DEFAULT_USER = "users:\n   - default\n"
"""Of the package's cloud.cfg: a user for every document that names none."""

PROGRAM = """\
import glob, json, os, shutil, sys
from cloudinit.cmd.main import main

os.chdir("/")
given = json.load(sys.stdin)
for place in (*glob.glob("/var/lib/cloud/*"), "/run/cloud-init"):
    shutil.rmtree(place, ignore_errors=True)
for log in glob.glob("/var/log/cloud-init*"):
    os.unlink(log)
seed = "/var/lib/cloud/seed/nocloud"
os.makedirs(seed)
for name, text in given.items():
    with open(f"{seed}/{name}", "wb") as file:
        file.write(text.encode("latin-1"))
# Each stage is a process of its own, as at a boot; what they all import is there already.
for words in (["init", "--local"], ["init"], ["modules", "--mode=config"], ["modules", "--mode=final"]):
    child = os.fork()
    if child == 0:
        try:
            main(["cloud-init", *words])
            sys.stdout.flush()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
"""
"""Reads `user-data` and `meta-data` from its standard input."""

DEPRECATED = ("DEPRECATED", "DEPRECATION", "deprecated")


@dataclass(frozen=True)
class Told:
    """complaints: the errors and warnings of cloud-init's log, but for those that something has a newer form."""

    complaints: tuple[str, ...]


def prepare(host: Host) -> None:
    """Before the first document."""
    host.path("/etc/cloud/cloud.cfg.d/99-test.cfg").write_text(SETTINGS)
    config = host.path("/etc/cloud/cloud.cfg")
    shipped = config.read_text()
    assert DEFAULT_USER in shipped
    config.write_text(shipped.replace(DEFAULT_USER, ""))


def run(host: Host, document: bytes) -> Told:
    """Run the stages for a new instance, whose name is the host's."""
    name = host.path("/etc/hostname").read_text().strip()
    metadata = f"instance-id: i-{next(_INSTANCES)}\nlocal-hostname: {name}\n"
    seed = json.dumps({"user-data": document.decode("latin-1"), "meta-data": metadata})
    done = host.ssh(f"python3 -c {shlex.quote(PROGRAM)}", stdin=seed, timeout=120)
    assert done.returncode == 0, f"cloud-init did not come to its end\n{done.stdout}\n{done.stderr}"
    errors = json.loads(host.path("/run/cloud-init/result.json").read_text())["v1"]["errors"]
    lines = host.path("/var/log/cloud-init.log").read_text().splitlines()
    warnings = [line for line in lines if ("[WARNING]" in line or "[ERROR]" in line or "[CRITICAL]" in line)]
    serious = [line for line in warnings if not any(word in line for word in DEPRECATED)]
    return Told((*map(str, errors), *serious))
