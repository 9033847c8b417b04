"""Custom commands replace the k0s cleanup entirely, respect useSudo, and a failing one fails the cleanup."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.support import Capra, cloud_config, count, counted, key_secret, machine, wait_for
from tests.hosts import Host

FILES: list[dict[str, Any]] = [
    {"path": "/opt/made/by/capra", "content": "new"},
    {"path": "/etc/motd", "content": "replaced"},
    {"path": "/etc/hosts", "content": "192.0.2.9 other\n", "append": True},
]


@pytest.mark.parametrize(("user", "field"), [("root", "cleanUpCommands"), ("ops", "customCleanUpCommands")])
@pytest.mark.usefixtures("standin")
def test_commands_replace_the_default(host: Host, capra: Capra, user: str, field: str) -> None:
    version = "v1beta2" if field == "cleanUpCommands" else "v1beta1"
    commands = [counted("clean1", "id -u > /var/tmp/uid"), counted("clean2", "echo '{{ 7 * 7 }}' > /var/tmp/braces")]
    commands.append("k0s stop")
    manifest = capra.manifests(machine(host, user=user, version=version, **{field: commands}), key_secret(host))
    data = capra.data(cloud_config(FILES, ["k0s install worker --token-file /etc/none", "k0s start"]))
    host.ssh("echo original > /etc/motd; cp -p /etc/hosts /var/tmp/hosts")
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    [report] = capra.json("cleanup", "-f", manifest)

    assert report["outcome"] == "Finished"
    assert host.ssh("cat /var/tmp/uid /var/tmp/braces").stdout.split("\n")[:2] == ["0", "{{ 7 * 7 }}"]
    assert "reset" not in host.ssh("cat /var/log/k0s-calls.log").stdout
    # What Capra itself left is gone, and what it had replaced is back.
    left = host.ssh("ls -d /opt/made /var/lib/capra /run/cluster-api 2>/dev/null | wc -l")
    assert left.stdout.strip() == "0"
    assert host.ssh("cat /etc/motd").stdout == "original\n"
    assert host.ssh("cmp /etc/hosts /var/tmp/hosts && echo same").stdout.strip() == "same"


def test_a_failing_command_fails_the_cleanup_and_names_itself(host: Host, capra: Capra) -> None:
    commands = [counted("clean1"), counted("clean2", "test -e /var/tmp/cause || exit 9"), counted("clean3")]
    manifest = capra.manifests(machine(host, cleanUpCommands=commands), key_secret(host))
    data = capra.data(cloud_config(FILES[:1]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)

    done = capra.run("cleanup", "-f", manifest, code=1)

    said = done.stdout + done.stderr
    assert "cleanUpCommands[1]" in said
    assert "status 9" in said
    assert host.ssh("cat /opt/made/by/capra").stdout == "new"  # nothing is removed before the commands are done
    host.ssh("touch /var/tmp/cause")
    [report] = capra.json("cleanup", "-f", manifest)
    assert report["outcome"] == "Finished"
    assert [count(host, name) for name in ("clean1", "clean2", "clean3")] == [1, 2, 1]


def test_one_that_was_killed_before_it_noted_the_end_runs_nothing_again(host: Host, capra: Capra) -> None:
    commands = [counted("clean", "rm /var/tmp/dirty && sleep 2")]
    manifest = capra.manifests(machine(host, cleanUpCommands=commands), key_secret(host))
    capra.json(
        "bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config(FILES[:1], ["touch /var/tmp/dirty"]))
    )
    cleanup = capra.start("cleanup", "-f", manifest)
    wait_for(lambda: count(host, "clean") == 1, "the command has begun")
    [saved] = (capra.state / "machines").iterdir()
    under_way = saved.read_bytes()
    assert b'"Cleaning"' in under_way
    cleanup.communicate(timeout=60)
    assert saved.read_bytes() != under_way
    saved.write_bytes(under_way)

    [report] = capra.json("cleanup", "-f", manifest)

    assert (report["outcome"], report["changed"]) == ("Finished", False)
    assert count(host, "clean") == 1
    # What is asked for after that is another cleanup.
    host.ssh("touch /var/tmp/dirty")
    capra.json("cleanup", "-f", manifest)
    assert count(host, "clean") == 2


def test_a_cleanup_ends_a_bootstrap_that_is_under_way(host: Host, capra: Capra) -> None:
    manifest = capra.manifests(machine(host, cleanUpCommands=[counted("clean")]), key_secret(host))
    data = capra.data(cloud_config(FILES[:1], [counted("long", "sleep 60")]))
    done = capra.start("bootstrap", "-f", manifest, "--bootstrap-data", data)
    wait_for(lambda: count(host, "long") == 1, "the long command has begun")
    done.kill()
    done.communicate(timeout=30)

    [report] = capra.json("cleanup", "-f", manifest)

    assert report["outcome"] == "Finished"
    assert host.ssh("cat /proc/[0-9]*/cmdline | tr '\\0' ' '").stdout.count("sleep 60") == 0
    assert host.ssh("ls -d /opt/made /var/lib/capra 2>/dev/null | wc -l").stdout.strip() == "0"
    # Clean again: the same data bootstraps the host anew.
    data = capra.data(cloud_config(FILES[:1], [counted("again")]))
    capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data)
    assert count(host, "again") == 1


def test_the_guide_does_what_it_says(host: Host, capra: Capra) -> None:
    """docs/guide/custom-cleanup.md: its manifest with this host, and its commands one after the other."""
    guide = (Path(__file__).resolve().parents[2] / "docs" / "guide" / "custom-cleanup.md").read_text()
    [shown] = re.findall(r"^```yaml\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    [commands] = re.findall(r"^```sh\n(.*?)^```$", guide, re.MULTILINE | re.DOTALL)
    document = machine(host, cleanUpCommands=yaml.safe_load(shown)["spec"]["cleanUpCommands"])
    manifest = capra.manifests(document, key_secret(host))
    agent = {"path": "/opt/my-agent/agent", "content": "x"}
    capra.json(
        "bootstrap", "-f", manifest, "--bootstrap-data", capra.data(cloud_config([agent], ["touch /opt/my-agent/y"]))
    )
    told = [capra.run(*shlex.split(line)[1:]).stdout for line in commands.splitlines()]
    assert ["rm -rf" in told[0], "cleanUpCommands[1]" in told[1]] == [True, True]
    assert "Finished" in told[2]
    assert host.ssh("test ! -e /opt/my-agent").returncode == 0
