"""The rows of tests/cases/mistakes/hosts.yaml on one real host: each message names object, field, value and remedy."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.support.ssh_keys import new_ssh_key

ROWS = yaml.safe_load((Path(__file__).parents[1] / "cases" / "mistakes" / "hosts.yaml").read_text())
NAMED = ("object", "field", "value", "remedy")
OTHER_HOST_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
FINGERPRINT = r"[A-Za-z0-9+/]{43}"


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all; each row puts back what it changes."""
    with bring_up(1) as hosts:
        yield hosts[0]


def _inputs(row: dict[str, Any], host: Host, capra: Capra) -> tuple[Path, Path]:
    spec = dict(row.get("spec", {}))
    if spec.get("address") == "NOBODY":
        spec["address"] = _nobody(host)
    if row.get("known"):
        spec["hostKeys"] = [OTHER_HOST_KEY]
    secret = key_secret(host)
    if row.get("key") == "OTHER":
        secret["data"]["value"] = base64.b64encode(new_ssh_key().encode()).decode()
    files = [{**file, "content": file["content"].replace("LONG", "x" * 200_000)} for file in row.get("files", ())]
    data = capra.data(cloud_config(files, row.get("commands", ())))
    return capra.manifests(machine(host, user=row.get("user", "root"), **spec), secret), data


def _nobody(host: Host) -> str:
    """An address of the host's network that nobody has."""
    return f"{host.address.rpartition('.')[0]}.250"


def _wanted(text: str, host: Host) -> str:
    """As a pattern."""
    named = text.replace("ADDRESS", host.address).replace("NOBODY", _nobody(host))
    return re.escape(named).replace("FINGERPRINT", FINGERPRINT)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["name"])
def test_a_mistake_is_told(row: dict[str, Any], shared: Host, capra: Capra) -> None:
    manifest, data = _inputs(row, shared, capra)
    if "spoil" in row:
        shared.ssh(row["spoil"], check=True)
    try:
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=row.get("code", 1))
    finally:
        shared.ssh(f"{row.get('mend', 'true')}; rm -rf /var/lib/capra /home/ops/.local", check=True)
    assert report["outcome"] == row["outcome"]
    for name in NAMED:
        assert re.search(_wanted(str(row.get(name, "")), shared), report["message"]), (name, report["message"])
    assert "\n" not in report["message"]


def test_each_row_names_an_object_and_a_remedy() -> None:
    assert [row["name"] for row in ROWS if not ("object" in row and "remedy" in row)] == []


def test_the_end_of_the_output_stands_once(shared: Host, capra: Capra) -> None:
    """In the terminal: the cause in a line of progress and in the table, and the end of the output below them."""
    commands = ["seq 1000 1100; apt-get install foo; seq 2000 2005; exit 100"]
    manifest, data = capra.manifests(machine(shared), key_secret(shared)), capra.data(cloud_config(commands=commands))
    try:
        for options, shown in (((), 1), (("--verbose",), 1)):
            done = capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data, *options, code=1)
            assert done.stderr.count("2003\n") == shown, done.stderr
            assert "2003" not in done.stdout
            for told in (done.stdout, done.stderr):
                assert "seq …: E: Unable to locate" in told
        # Both times: the last of the lines before the cause.
        assert "1100\n" in done.stderr
    finally:
        shared.ssh("rm -rf /var/lib/capra", check=True)
