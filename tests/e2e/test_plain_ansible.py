"""The bare playbooks work on many hosts at once, from a checkout and from the installed collection."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, run_ansible
from tests.hosts import Host

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the collection as `ansible-galaxy collection build` and `install` make it."""
    place = tmp_path_factory.mktemp("collection")
    build: list[str | Path] = [BIN / "ansible-galaxy", "collection", "build", "--output-path", place, ROOT]
    subprocess.run(build, check=True, capture_output=True, cwd=place)
    [archive] = place.glob("capra-machine-*.tar.gz")
    install: list[str | Path] = [
        BIN / "ansible-galaxy",
        "collection",
        "install",
        "--offline",
        "-p",
        place / "collections",
        archive,
    ]
    subprocess.run(install, check=True, capture_output=True, cwd=place)
    return place / "collections"


PRIVATE = (
    *("machine.yaml", "user-data.yaml", "inventory.ini", "inventory", "hosts"),
    *("id_ed25519", "id_ed25519.pub", "key", "a.key", "b.pem"),
)


def test_what_a_person_keeps_in_the_checkout_is_not_packed(tmp_path: Path) -> None:
    """README's files lie there, with keys and tokens in them."""
    checkout = tmp_path / "checkout"
    # What lies here may be an unpacked archive, and no Git repository.
    shutil.copytree(ROOT, checkout, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "out", ".*_cache"))
    for name in PRIVATE:
        (checkout / name).write_text("a-private-key")
    build: list[str | Path] = [BIN / "ansible-galaxy", "collection", "build", "--output-path", tmp_path]
    subprocess.run(build, check=True, capture_output=True, cwd=checkout)
    [archive] = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as packed:
        found = {member.name for member in packed.getmembers()}
    assert not found & set(PRIVATE)
    tops = {name.partition("/")[0] for name in found}
    assert tops >= {"meta", "playbooks", "plugins", "roles", "README.md"}
    assert all((ROOT / name).exists() for name in tops - {"MANIFEST.json", "FILES.json"})


@pytest.fixture(params=["checkout", "collection"])
def playbook(request: pytest.FixtureRequest) -> tuple[str, Path, dict[str, str]]:
    """How a playbook is named, where from, and with what environment."""
    if request.param == "checkout":
        return "playbooks/{}.yml", ROOT, {}
    place: Path = request.getfixturevalue("installed")
    return "capra.machine.{}", place, {"ANSIBLE_COLLECTIONS_PATH": str(place)}


def _inventory(hosts: list[Host], path: Path, user: str) -> Path:
    lines = [
        f"{host.name} ansible_host={host.address} ansible_port={host.port} ansible_user={user}"
        f" ansible_ssh_private_key_file={host.key_file}"
        for host in hosts
    ]
    path.write_text("[all]\n" + "\n".join(lines) + "\n")
    return path


def test_the_whole_life_of_two_hosts(
    two_hosts: list[Host], playbook: tuple[str, Path, dict[str, str]], tmp_path: Path
) -> None:
    form, cwd, environment = playbook
    inventory = _inventory(two_hosts, tmp_path / "inventory.ini", "ops")
    data = tmp_path / "user-data.yaml"
    files = [{"path": "/etc/k0s.token", "permissions": "0600", "content": "token"}]
    data.write_bytes(
        cloud_config(files, [counted("once"), "k0s install worker --token-file /etc/k0s.token", "k0s start"])
    )
    common = ("-i", inventory, "-e", "use_sudo=true")
    bootstrap = (*common, form.format("bootstrap"), "-e", f"bootstrap_data_file={data}")

    run_ansible((*common, form.format("preflight"), "-e", "preflight_fail_on_error=false"), cwd, environment)
    dry = run_ansible((*bootstrap, "--check", "--diff"), cwd, environment)
    assert "token" not in dry.stdout.replace("k0s.token", "").replace("token-file", "")
    assert [count(host, "once") for host in two_hosts] == [0, 0]
    run_ansible(bootstrap, cwd, environment)
    again = run_ansible(bootstrap, cwd, environment)
    assert again.stdout.count("changed=0") == 2
    assert [count(host, "once") for host in two_hosts] == [1, 1]
    run_ansible((*common, form.format("k0s_cleanup")), cwd, environment)

    for host in two_hosts:
        left = host.ssh(
            "ls -d /etc/k0s.token /var/lib/k0s /var/lib/capra /etc/systemd/system/k0sworker.service 2>/dev/null"
        )
        assert left.stdout == ""
    commands = json.dumps({"custom_cleanup_commands": [counted("custom")]})
    run_ansible((*common, form.format("custom_cleanup"), "-e", commands), cwd, environment)
    assert [count(host, "custom") for host in two_hosts] == [1, 1]


def test_capra_finds_what_ansible_has_done(host: Host, capra: Capra, tmp_path: Path) -> None:
    data = capra.data(cloud_config(commands=[counted("once")]))
    inventory = _inventory([host], tmp_path / "inventory.ini", "root")
    run_ansible(("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={data}"), ROOT)

    manifest = capra.manifests(machine(host), key_secret(host))
    [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    assert report["outcome"] == "Finished"
    assert report["changed"] is False
    assert count(host, "once") == 1


def test_bad_bootstrap_data_is_one_clear_message(host: Host, tmp_path: Path) -> None:
    data = tmp_path / "user-data.yaml"
    data.write_text("#cloud-config\npackages: [curl]\n")
    inventory = _inventory([host], tmp_path / "inventory.ini", "root")
    done = run_ansible(("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={data}"), ROOT, code=2)
    assert "packages" in done.stdout
    done = run_ansible(("-i", inventory, "playbooks/bootstrap.yml"), ROOT, code=2)
    assert "bootstrap_data_file" in done.stdout
