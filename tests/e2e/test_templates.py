"""kubeadm's documents name the node by a template: the host is asked, and every attempt comes to the same document."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, run_ansible
from tests.hosts import Host

ROOT = Path(__file__).resolve().parents[2]
JOIN = "kubeadm join --node-name {{ ds.meta_data.local_hostname }}"
FILE = {"path": "/etc/node", "content": f"{JOIN} {{{{ v1.distro }}}} {{{{ ds.meta_data.local_ipv4 }}}}\n"}


def _template(*commands: str) -> bytes:
    return cloud_config([FILE], [counted("once"), *commands])


def _expected(host: Host) -> str:
    return f"kubeadm join --node-name {host.ssh('uname -n').stdout.strip()} debian {host.address}\n"


def test_a_node_gets_the_name_of_its_host(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host, user="ops"), key_secret(host))
    arguments = ("-f", manifest, "--bootstrap-data", capra.data(_template()))
    planned = capra.run("plan", *arguments).stdout
    assert "write /etc/node" in planned
    assert "an example stands for it" in " ".join(planned.split())
    assert "create" in capra.run("bootstrap", "--check", *arguments).stdout
    assert host.ssh("ls /etc/node /var/lib/capra 2>/dev/null").stdout == ""
    [report] = capra.json("bootstrap", *arguments)
    assert report["outcome"] == "Finished"
    assert host.ssh("cat /etc/node").stdout == _expected(host)
    assert "example" not in capra.run("plan", *arguments).stdout


def test_a_bootstrap_that_changes_the_name_goes_on_with_the_first(host: Host, capra: Capra) -> None:
    expected = _expected(host)
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(_template("hostname other", "test -e /tmp/mended"))
    arguments = ("bootstrap", "-f", manifest, "--bootstrap-data", data)
    capra.run(*arguments, code=1)
    host.ssh("touch /tmp/mended", check=True)
    [report] = capra.json(*arguments)
    assert report["outcome"] == "Finished"
    assert host.ssh("cat /etc/node; uname -n").stdout == f"{expected}other\n"
    assert count(host, "once") == 1


def test_a_name_that_nobody_knows_is_told_before_the_host_is_asked(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host), key_secret(host))
    data = capra.data(_template().replace(b"v1.distro", b"v1.nothing"))
    before = host.exec_requests()
    done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, code=2)
    assert "v1.nothing is not known; known are: cloud_name" in " ".join((done.stdout + done.stderr).split())
    assert host.exec_requests() == before


def test_plain_ansible_asks_the_host_as_well(host: Host, capra: Capra, tmp_path: Path) -> None:
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(
        f"{host.name} ansible_host={host.address} ansible_port={host.port} ansible_user=ops"
        f" ansible_ssh_private_key_file={host.key_file}\n"
    )
    playbook = ("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={capra.data(_template())}")
    for changed in (1, 0):
        said = run_ansible((*playbook, "-e", "use_sudo=true"), ROOT).stdout
        assert f"changed={changed}" in said
    assert host.ssh("cat /etc/node").stdout == _expected(host)
    assert count(host, "once") == 1


def test_a_host_remembers_its_first_name(host: Host, capra: Capra, tmp_path: Path) -> None:
    """Whoever comes without a record, as the playbook does, comes to the same document."""
    first = _expected(host)
    data = capra.data(_template("hostname k-$(uname -n)"))
    inventory = tmp_path / "inventory.ini"
    inventory.write_text(
        f"{host.name} ansible_host={host.address} ansible_port={host.port} ansible_user=root"
        f" ansible_ssh_private_key_file={host.key_file}\n"
    )
    for changed in (1, 0):
        said = run_ansible(
            ("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={data}"), ROOT
        ).stdout
        assert f"changed={changed}" in said
    manifest = capra.manifests(machine(host), key_secret(host))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert (report["outcome"], report["changed"]) == ("Finished", False)
    assert host.ssh("cat /etc/node").stdout == first
    assert count(host, "once") == 1
    capra.run("cleanup", "-f", manifest)
    assert host.ssh("ls /var/lib/capra 2>/dev/null").stdout == ""


def test_only_a_command_after_the_sentinel_may_fail(host: Host, capra: Capra) -> None:
    """The file that proves the bootstrap may come from anywhere; the join comes last."""
    manifest = capra.manifests(machine(host), key_secret(host))
    sentinel = "/run/cluster-api/bootstrap-success.complete"
    touch = f"bootcmd: ['mkdir -p /run/cluster-api; touch {sentinel}']"
    written = f"#cloud-config\nwrite_files: [{{path: {sentinel}, content: x}}]\nruncmd: ['exit 3']\n"
    made = f"#cloud-config\n{touch}\nruncmd: ['exit 3']\n"
    own = f"#cloud-config\n{touch}\nntp: {{enabled: true}}\nruncmd: [id]\n"
    for document in (written, made, own):
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", capra.data(document.encode()), code=1)
        assert report["outcome"] == "StepFailed"
        capra.run("cleanup", "-f", manifest)
