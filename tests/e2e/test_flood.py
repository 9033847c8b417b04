"""What a host prints where nobody asked does not fill Capra's memory, and ends in one error that says so."""

from __future__ import annotations

import pytest

from tests.e2e.support import Capra, cloud_config, counted, key_secret, machine
from tests.e2e.tree import Tree
from tests.hosts import Host


@pytest.mark.parametrize("stream", ["1", "2"])
def test_a_login_shell_that_prints_without_end(host: Host, capra: Capra, stream: str) -> None:
    host.ssh(f'echo \'head -c 400000000 /dev/zero | tr "\\\\0" "\\\\n" >&{stream}\' > /root/.bashrc')
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(cloud_config(commands=[counted("run")]))
    with Tree() as tree:
        done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    assert tree.peak < 300
    assert "the host has printed more than 4194304 bytes" in done.stdout + done.stderr
