"""The bare playbooks work on many hosts at once, from a checkout and from the installed collection."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, run_ansible
from tests.hosts import Host
from tests.support.bare_ansible import make_environment
from tests.support.installed_collections import install_collection

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the collection as `make collection` and `ansible-galaxy collection install` make it."""
    return install_collection(tmp_path_factory.mktemp("collection"))


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


BAD = (
    ("#cloud-config\npackages: 7\n", "packages"),
    ("#cloud-config\nfoo: 1\n", "foo: not supported"),
    (None, "there is no such file"),
    ("", "bootstrap_data_file is missing"),
)


def test_bad_bootstrap_data_is_one_clear_message(host: Host, tmp_path: Path) -> None:
    inventory = _inventory([host], tmp_path / "inventory.ini", "root")
    for number, (content, expected) in enumerate(BAD):
        data = tmp_path / f"user-data-{number}.yaml"
        if content:
            data.write_text(content)
        given = "" if content == "" else data
        arguments = ("-i", inventory, "playbooks/bootstrap.yml", "-e", f"bootstrap_data_file={given}")
        done = run_ansible(arguments, ROOT, code=2)
        [told] = [line for line in done.stdout.splitlines() if line.startswith("fatal: ")]
        message = json.loads(told.partition("=> ")[2])["msg"]
        assert expected in message
        assert message.startswith("bootstrap_data_file" if not content else str(data))
        assert not [words for words in ("Finalization", "filter plugin", "caused by") if words in done.stdout]


def test_bootstrap_data_is_looked_for_as_other_files_are(host: Host, tmp_path: Path) -> None:
    """Beside the playbook, in its `files`, and, behind those, from the current directory."""
    play = {"hosts": "all", "gather_facts": False, "roles": ["capra.machine.bootstrap"]}
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    (project / "files").mkdir(parents=True)
    elsewhere.mkdir()
    (project / "site.yml").write_text(json.dumps([play]))
    for place, name in ((elsewhere, "a"), (elsewhere, "b"), (elsewhere, "c"), (project, "b"), (project / "files", "c")):
        (place / name).write_bytes(cloud_config(commands=[f"echo {place.name} >> /var/tmp/place.{name}"]))
    inventory = _inventory([host], tmp_path / "inventory.ini", "root")
    environment = {"ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".collections")}
    for name in "abc":
        arguments: tuple[str | Path, ...] = ("-i", inventory, project / "site.yml", "-e", f"bootstrap_data_file={name}")
        run_ansible(arguments, elsewhere, environment)
    assert host.ssh("cat /var/tmp/place.[abc]").stdout.split() == ["elsewhere", "project", "files"]


BECOME = (
    ((), "", "ops"),
    (("-b",), "", "root"),
    ((), "ansible_become=true", "root"),
    ((), "use_sudo=true", "root"),
    (("-e", "use_sudo=true"), "", "root"),
    (("-e", "use_sudo=false", "-b"), "", "ops"),
)
"""Options of ansible-playbook, a variable of the host, and who does the work."""


def test_become_works_as_anywhere(host: Host, tmp_path: Path) -> None:
    inventory = _inventory([host], tmp_path / "inventory.ini", "ops")
    plain = inventory.read_text().rstrip()
    for number, (options, variable, user) in enumerate(BECOME):
        inventory.write_text(f"{plain} {variable}\n")
        commands = {"custom_cleanup_commands": [f"id -un > /tmp/became.{number}"], "custom_cleanup_verify": "none"}
        arguments: tuple[str | Path, ...] = (
            "-i",
            inventory,
            "playbooks/custom_cleanup.yml",
            "-e",
            json.dumps(commands),
            *options,
        )
        run_ansible(arguments, ROOT)
        assert host.ssh(f"cat /tmp/became.{number}").stdout.strip() == user, (options, variable)


def test_the_built_collection_needs_ansible_core_alone(host: Host, installed: Path, tmp_path: Path) -> None:
    """Also where the data is rendered with what the host says, which takes a process of its own."""
    python = make_environment(tmp_path / "environment", ["ansible-core"])
    imported = subprocess.run([python, "-c", "import capra"], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "No module named 'capra'" in imported.stderr
    data = tmp_path / "user-data.yaml"
    file = {"path": "/etc/node", "content": "{{ ds.meta_data.local_hostname }}"}
    data.write_bytes(cloud_config([file], [counted("once")]) + b"package_update: false\nusers: [{name: vendored}]\n")
    inventory = _inventory([host], tmp_path / "inventory.ini", "ops")
    command = (python, "-m", "ansible", "playbook", "-b", "-i", inventory, "capra.machine.bootstrap")
    done = subprocess.run(
        [*command, "-e", f"bootstrap_data_file={data}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "ANSIBLE_COLLECTIONS_PATH": str(installed),
            "ANSIBLE_HOST_KEY_CHECKING": "False",
            "ANSIBLE_SSH_ARGS": "-o ControlMaster=no",  # the path of a socket below this home may be too long
        },
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert count(host, "once") == 1
    assert host.ssh("cat /etc/node; echo; id -un vendored").stdout.split() == [
        host.ssh("uname -n").stdout.strip(),
        "vendored",
    ]
