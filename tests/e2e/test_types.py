"""Values that YAML, a template or a number would be made of arrive on a real host as the text that they are."""

from __future__ import annotations

import shlex

from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import Host

USER, PASSWORD = "0017", "0123456789"
HOSTILE = [
    "yes",
    "no",
    "null",
    "~",
    "1.5",
    "0o17",
    "2020-01-01",
    "{{ 1+1 }}",
    "{% raw %}",
    "{# #}",
    "!vault x",
    "ü\n'\"",
]


def test_an_account_of_digits_with_a_password_of_digits(host: Host, capra: Capra) -> None:
    # useradd refuses such a name; directory services have them.
    host.ssh(
        f"echo '{USER}:x:4017:4017::/home/d:/bin/sh' >> /etc/passwd; mkdir -p /home/d/.ssh;"
        f" echo {USER}:{PASSWORD} | chpasswd; cp /root/.ssh/authorized_keys /home/d/.ssh/; chown -R 4017 /home/d;"
        f" echo '{USER} ALL=(ALL) ALL' > /etc/sudoers.d/digits"
    )
    password = capra.directory / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    commands = ["true", *(f"printf '%s|' {shlex.quote(text)} >> /var/hostile" for text in HOSTILE), "id -u >> /var/ran"]
    spec = machine(host, user=USER, cleanUpCommands=commands)
    manifest = capra.manifests(spec, key_secret(host))
    [report] = capra.json("cleanup", "-f", manifest, "--become-password-file", password)
    assert report["outcome"] == "Finished"
    assert host.ssh("cat /var/hostile").stdout == "".join(f"{text}|" for text in HOSTILE)
    assert host.ssh("cat /var/ran").stdout == "0\n"
