"""Preflight on real hosts: one round trip, nothing written, and the reasons that people need."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.support import run_ansible
from tests.hosts import Hosts
from tests.hosts.fixtures import bring_up

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module", params=["systemd", "sysvinit", "openrc"])
def each(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    """One host of each kind."""
    with bring_up(1, request.param) as group:
        yield group


@pytest.fixture(scope="module")
def pair() -> Iterator[Hosts]:
    """Two hosts."""
    with bring_up(2) as group:
        yield group


def look(
    hosts: Hosts, inventory: Path | None = None, code: int = 0, environment: dict[str, str] | None = None, **extra: Any
) -> dict[str, dict[str, Any]]:
    """Run the playbook; by host, the results of its tasks: `look`, and `fail` where it failed."""
    variables = {name if name == "use_sudo" else f"preflight_{name}": value for name, value in extra.items()}
    arguments: list[str | Path] = [
        "-i",
        inventory or hosts.inventory,
        "playbooks/preflight.yml",
        "-e",
        json.dumps(variables),
    ]
    # ansible-core alone has no callback that writes JSON; this one writes each result as JSON on one line.
    plugin = {"ANSIBLE_STDOUT_CALLBACK": "oneline", "ANSIBLE_NOCOLOR": "true", **(environment or {})}
    said = run_ansible([*arguments, "-v"], ROOT, plugin, code).stdout
    results: dict[str, dict[str, Any]] = {host.name: {} for host in hosts}
    for line in said.splitlines():
        name, _, rest = line.partition(" | ")
        if name not in results or "=> " not in rest:
            continue
        value = json.loads(rest.partition("=> ")[2])
        if "findings" in value:
            results[name]["look"] = value
        elif rest.startswith("FAILED"):
            results[name]["fail"] = value["msg"]
    return results


def finding(result: dict[str, Any], name: str) -> dict[str, Any]:
    """One finding of a host, by name."""
    [found] = [one for one in result["look"]["findings"] if one["name"] == name]
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("sudo", [False, True], ids=["root", "sudo"])
def test_one_round_trip_and_nothing_written(each: Hosts, sudo: bool) -> None:
    host = each[0]
    before = host.exec_requests()
    files = "find / -xdev -newer /var/tmp/mark -type f ! -path '/var/log/*' ! -path '/run/*' ! -path '/proc/*' | sort"
    host.ssh("touch /var/tmp/mark; sleep 1.1", check=True)
    before = host.exec_requests()
    result = look(each, each.sudo_inventory if sudo else None, fail_on_error=False)[host.name]
    assert host.exec_requests() - before == 1
    assert host.ssh(files).stdout.split() == []
    facts = result["look"]["facts"]
    assert (facts["init"], facts["hostname"], facts["os.id"]) == (host.init, host.name, "debian")
    assert facts["uid"] == "0"
    assert facts["machine_id"] == host.path("/etc/machine-id").read_text().strip()
    assert finding(result, "clock")["level"] == "ok"
    assert finding(result, "init")["level"] == "ok"
    assert finding(result, "sudo")["value"] == ("sudo" if sudo else "root")
    assert finding(result, "port 6443")["level"] == "ok"


def test_what_is_in_the_way_is_named(pair: Hosts) -> None:
    host = pair[0]
    host.ssh("/usr/sbin/sshd -p 6443 -o PidFile=/run/second.pid -E /dev/null", check=True)
    host.ssh("k0s install worker --token-file=/etc/k0s.token", check=True)
    try:
        results = look(pair, code=2)
        assert finding(results[host.name], "port 6443")["level"] == "error"
        assert finding(results[host.name], "kubernetes")["value"] == "services k0sworker"
        assert "port 6443 is in use" in results[host.name]["fail"]
    finally:
        host.ssh("kill $(cat /run/second.pid); k0s reset")


def test_the_same_machine_id_twice(pair: Hosts) -> None:
    first, second = pair
    kept = second.ssh("cat /etc/machine-id; cp -p /etc/machine-id /var/tmp/kept").stdout.strip()
    second.ssh("cat > /etc/machine-id", stdin=first.ssh("cat /etc/machine-id").stdout, check=True)
    try:
        results = look(pair, code=2)
        assert f"is also that of {second.name}" in results[first.name]["fail"]
        assert f"is also that of {first.name}" in results[second.name]["fail"]
    finally:
        second.ssh("cp -p /var/tmp/kept /etc/machine-id", check=True)
        assert second.ssh("cat /etc/machine-id").stdout.strip() == kept


def test_a_user_without_sudo(pair: Hosts, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(pair.inventory.read_text().replace('"root"', '"nosudo"'))
    result = look(pair, inventory, code=2)[pair[0].name]
    assert finding(result, "sudo")["level"] == "error"
    assert "NOPASSWD" in result["fail"]
    # Asked for all the same: it is refused, and preflight says so instead of failing with less.
    result = look(pair, inventory, code=2, use_sudo=True)[pair[0].name]
    assert finding(result, "become")["level"] == "error"


def test_a_sudo_that_takes_too_long_is_told_as_such(pair: Hosts) -> None:
    """Ansible alone would say that the host is unreachable."""
    host = pair[0]
    slow = '#!/bin/sh\nsleep 8\nexec /usr/bin/sudo.real "$@"\n'
    host.ssh("mv /usr/bin/sudo /usr/bin/sudo.real && cat > /usr/bin/sudo && chmod 0755 /usr/bin/sudo", stdin=slow)
    try:
        result = look(pair, pair.sudo_inventory, code=2, environment={"ANSIBLE_TIMEOUT": "4"})[host.name]
        assert "sudo takes" in finding(result, "sudo")["message"]
        assert "/etc/hosts" in finding(result, "sudo")["advice"]
        assert finding(result, "become")["level"] == "error"
    finally:
        host.ssh("mv -f /usr/bin/sudo.real /usr/bin/sudo", check=True)
