"""The commands of docs/tutorial/three-hosts.md that are marked, as they stand there, on three hosts."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.support import Capra
from tests.hosts import Host
from tests.hosts.fixtures import bring_up

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "tutorial" / "three-hosts.md").read_text()
COMMANDS = re.findall(r"^<!-- run -->\n```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
[FILE] = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
ADDRESSES = ("192.0.2.11", "192.0.2.12", "192.0.2.13")


def _prepare(capra: Capra, hosts: list[Host]) -> dict[str, str]:
    """The file with the hosts' own addresses, the key where it says, and the nodes that are to come."""
    text = FILE
    for address, host in zip(ADDRESSES, hosts, strict=True):
        assert f"address: {address}, " in text
        text = text.replace(f"address: {address}, ", f"address: {host.address}, port: {host.port}, ")
    (capra.directory / "k0sctl.yaml").write_text(text)
    environment = capra.process_environment()
    key = capra.directory / "home" / ".ssh" / "id_ed25519"
    key.parent.mkdir(mode=0o700)
    shutil.copy(hosts[0].key_file, key)
    key.chmod(0o600)
    nodes = "".join(f"{host.name} True\n" for host in hosts[1:])
    hosts[0].ssh("cat > /etc/k0s-standin/nodes", stdin=nodes, check=True)
    return environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


@pytest.mark.usefixtures("standin")
def test_every_marked_command_does_what_the_page_says(capra: Capra) -> None:
    with bring_up(3) as group:
        hosts = [group[number] for number in range(3)]
        environment = _prepare(capra, hosts)
        said = []
        for block in COMMANDS:
            command = ["sh", "-eu", "-c", block]
            done = subprocess.run(
                command, cwd=capra.directory, env=environment, capture_output=True, text=True, timeout=180, check=False
            )
            assert done.returncode == 0, block + done.stdout + done.stderr
            said.append(done)
        checked, made, again, gone = [done.stdout for done in said]
        assert "WOULD" in checked
        assert made.count("Finished") == 3
        assert "2 of 2 nodes are ready" in said[1].stderr
        assert again.count("is provisioned already; nothing was run") == 3
        assert gone.count("Finished") == 6
        assert [host.ssh("ls -d /var/lib/k0s /etc/k0s /var/lib/capra 2>/dev/null; true").stdout for host in hosts] == [
            ""
        ] * 3
        assert not (capra.directory / "demo.kubeconfig").exists()
