"""Kind 2: "finished" cached for an operation whose precondition comes back."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, run_ansible, wait_for
from tests.hosts import Host

ROOT = Path(__file__).resolve().parents[3]


@scenario("cleanup that nobody heard the end of")
def cleanup_that_nobody_heard_the_end_of(case: dict[str, Any], host: Host, capra: Capra) -> None:
    inventory = capra.directory / "inventory.ini"
    inventory.write_text(
        f"[all]\n{host.name} ansible_host={host.address} ansible_port={host.port} ansible_user=root"
        f" ansible_ssh_private_key_file={host.key_file}\n"
    )
    token = [{"path": "/etc/k0s.token", "permissions": "0600", "content": "token"}]
    data = capra.data(cloud_config(token, ["k0s install worker --token-file /etc/k0s.token", "k0s start"]))
    bootstrap = ("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={data}")
    cleanup = ("-i", inventory, "playbooks/k0s_cleanup.yml")

    run_ansible(bootstrap, ROOT)
    _killed_once_the_program_has_begun(host, cleanup)
    run_ansible(bootstrap, ROOT)
    assert host.ssh("systemctl is-active k0sworker; cat /etc/k0s.token").stdout.split() == ["active", "token"]
    again = run_ansible(cleanup, ROOT)

    assert "changed=1" in again.stdout
    left = host.ssh(
        "systemctl is-active k0sworker; ls -d /etc/k0s.token /var/lib/k0s /var/lib/capra 2>/dev/null"
    ).stdout
    assert left.split() == ["inactive"]
    # The truth is told the other way round, too: there is nothing left to change.
    assert "changed=0" in run_ansible(cleanup, ROOT).stdout


def _killed_once_the_program_has_begun(host: Host, arguments: tuple[str | Path, ...]) -> None:
    """A playbook that dies with everything on this side; the host finishes alone."""
    process = subprocess.Popen(
        [str(Path(sys.executable).parent / "ansible-playbook"), *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_HOST_KEY_CHECKING": "False"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def journal() -> str:
        return "".join(path.read_text() for path in host.path("/var/lib/capra").glob("k0s_cleanup-*/journal"))

    wait_for(lambda: "start 0" in journal(), "the cleanup has begun")
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    # The session may still be there, and have it forgotten.
    gone = host.path("/var/lib/capra")
    wait_for(lambda: "finished" in journal() or not gone.exists(), "the cleanup has ended", 60.0)
