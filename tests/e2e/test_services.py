"""What a bootstrap installs as a service goes with a cleanup, under each service manager, and nothing else does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.faults.kind_10_services import COMMANDS, FILES, LEFT
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host, Hosts
from tests.hosts.fixtures import bring_up

OWN = "[Service]\\nExecStart=/bin/sleep 1000\\n[Install]\\nWantedBy=multi-user.target\\n"
"""A unit that a command makes of nothing."""


@pytest.fixture(scope="module", params=["systemd", "sysvinit", "openrc"])
def hosts(request: pytest.FixtureRequest) -> Iterator[Hosts]:
    with bring_up(1, request.param) as group:
        yield group


@pytest.mark.parametrize("commands", [[], ["true"]], ids=["default", "custom"])
def test_services_that_were_written_beside_and_copied(hosts: Hosts, capra: Capra, commands: list[str]) -> None:
    """A node that somebody's own commands leave running goes on, though its token file goes, and keeps the host."""
    host = hosts[0]
    custom: dict[str, Any] = {"cleanUpCommands": commands} if commands else {}
    manifest = capra.manifests(machine(host, **custom), key_secret(host))
    token = {"path": "/etc/k0s.token", "content": "t"}
    data = cloud_config([*FILES, token], [*COMMANDS, "k0s install worker --token-file=/etc/k0s.token", "k0s start"])
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(data))

    [report] = capra.json("cleanup", "-f", manifest, code=1 if commands else 0)

    assert report["outcome"] == ("HostNotClean" if commands else "Finished")
    assert host.ssh(f"({LEFT}) | grep -v ^/var/lib/capra").stdout == ""
    assert (host.ssh("k0s status").returncode == 0) is bool(commands)
    host.ssh("k0s stop; k0s reset")
    capra.json("cleanup", "-f", manifest)
    assert host.ssh(LEFT).stdout == ""


def test_a_unit_that_a_command_made(hosts: Hosts, capra: Capra) -> None:
    """What was there before, or comes between two tries, stays."""
    host = hosts[0]
    if host.init == "systemd":
        path = "/etc/systemd/system"
        start = "systemctl daemon-reload && systemctl enable --now"
        made = f"printf '{OWN}' > {path}/NAME.service && {start} NAME.service"
        seen = f"ls {path} {path}/multi-user.target.wants; systemctl list-units --all --no-legend"
    else:
        made = "printf '#!/bin/sh\\nexit 0\\n' > /etc/init.d/NAME && chmod 755 /etc/init.d/NAME"
        seen = "ls /etc/init.d"
    host.ssh(made.replace("NAME", "cap-before"), check=True)
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config([], [made.replace("NAME", "cap-own"), "test -e /var/tmp/go-on"]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    host.ssh(made.replace("NAME", "cap-between") + "; touch /var/tmp/go-on", check=True)
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert "cap-own" in host.ssh(seen).stdout

    [report] = capra.json("cleanup", "-f", manifest)

    assert report["outcome"] == "Finished"
    left = host.ssh(seen).stdout
    assert "cap-own" not in left
    assert "cap-before" in left
    assert "cap-between" in left


ELSEWHERE = [
    f"printf '{OWN}' > /usr/lib/systemd/system/cap-lib.service && systemctl enable --now cap-lib",
    "systemd-run --unit=cap-run /usr/bin/sleep 77777",
    "systemd-run --unit cap-timed --on-calendar=2099-01-01 /bin/true; systemd-run -u cap-broken.service /bin/false",
    "mkdir -p /etc/systemd/system/ssh.service.d && echo '[Service]' > /etc/systemd/system/ssh.service.d/cap-drop.conf",
    "/opt/cap-starts",
    "mv /var/tmp/cap-package /usr/lib/systemd/system/rescue.service; sh /opt/login.sh",
]
"""Units where packages and systemd keep theirs."""
SEEN = """cd /etc/systemd/system; ls /usr/lib/systemd/system . ./*.wants ./*.d /run/systemd/transient
systemctl list-units --all --no-legend"""


def test_units_where_packages_and_systemd_keep_theirs(hosts: Hosts, capra: Capra) -> None:
    """What a package brought, and a transient unit that no command names, stays: a login may have made it meanwhile."""
    host = hosts[0]
    if host.init != "systemd":
        pytest.skip("units of systemd's")
    host.ssh("mv /usr/lib/systemd/system/rescue.service /var/tmp/cap-package", check=True)
    host.ssh(
        "cat > /opt/login.sh", stdin="systemd-run --unit=mine-run sleep 77777; systemd-run sleep 77778", check=True
    )
    before = "/usr/lib/systemd/system/mine-lib.service"
    host.ssh(f"printf '{OWN}' > {before}; mkdir -p /etc/systemd/system/ssh.service.d", check=True)
    host.ssh("echo '[Unit]' > /etc/systemd/system/ssh.service.d/mine-drop.conf", check=True)
    starts = {
        "path": "/opt/cap-starts",
        "content": "#!/bin/sh\nsystemd-run --unit=cap-script sleep 77777\n",
        "permissions": "0755",
    }
    manifest = capra.manifests(machine(host), key_secret(host))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config([starts], ELSEWHERE)))
    seen = host.ssh(SEEN).stdout
    made = ("cap-lib", "cap-run", "cap-timed", "cap-broken", "cap-drop", "cap-script")
    assert [name for name in made if name not in seen] == []

    [report] = capra.json("cleanup", "-f", manifest)

    assert report["outcome"] == "Finished"
    left = host.ssh(SEEN).stdout
    assert [name for name in made if name in left] == []
    own = ("mine-lib.service", "mine-drop.conf", "mine-run.service", "rescue.service", "ssh.service")
    assert [name for name in own if name not in left] == []
    assert host.ssh("pgrep -fc 'sleep 7777[78]'").stdout.strip() == "2"
    assert host.ssh("ls /etc/systemd/system/ssh.service.d").stdout.split() == ["mine-drop.conf"]


def test_a_unit_that_cannot_be_removed_fails_the_cleanup(hosts: Hosts, capra: Capra, tmp_path: object) -> None:
    host: Host = hosts[0]
    if host.init != "systemd":
        pytest.skip("a unit of systemd's")
    unit = {"path": "/etc/systemd/system/cap-kept.service", "content": OWN.replace("\\n", "\n")}
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config([unit], ["systemctl daemon-reload && systemctl enable --now cap-kept"]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    host.ssh("mount --bind /etc/systemd/system/cap-kept.service /etc/systemd/system/cap-kept.service", check=True)

    [report] = capra.json("cleanup", "-f", manifest, code=1)

    assert "cap-kept.service stays" in report["message"]
    host.ssh("umount /etc/systemd/system/cap-kept.service", check=True)
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert host.ssh("ls /etc/systemd/system /etc/systemd/system/*.wants | grep cap-kept").stdout == ""
    assert host.ssh("systemctl is-active cap-kept").stdout.strip() == "inactive"
