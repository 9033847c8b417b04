"""Kind 7: one host under two names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host

FILE = "/etc/one.conf"


def _named(host: Host, name: str, **changes: Any) -> dict[str, Any]:
    document = machine(host, **changes)
    document["metadata"] |= {"name": name, "uid": f"uid-of-{name}"}
    return document


def _left(host: Host) -> str:
    """What a machine's bootstrap has left on the host: files, journals and claim, with their content."""
    look = f"sha256sum {FILE}; cd /var/lib/capra && find . -type f ! -name 'lock.*' -exec sha256sum {{}} + | sort"
    done = host.ssh(look)
    assert done.returncode == 0, done.stderr
    return done.stdout


@scenario("one host, two spellings")
def two_spellings(host: Host, tmp_path: Path) -> None:
    """Two people at two terminals, each with a spelling of their own."""
    data = cloud_config([{"path": FILE, "content": "one\n"}], ["true"])
    people = {}
    for name, address in (("one", host.address), ("two", f"::ffff:{host.address}")):
        (tmp_path / name).mkdir()
        people[name] = Capra(tmp_path / name)
        people[name].manifests(_named(host, name, address=address), key_secret(host))
        people[name].data(data)

    def call(name: str, command: str, *more: str, code: int = 0) -> dict[str, Any]:
        given = ("--bootstrap-data", "user-data.yaml") if command == "bootstrap" else ()
        [result] = people[name].json(command, "-f", "machine.yaml", *given, *more, code=code)
        return result

    assert call("one", "bootstrap")["outcome"] == "Finished"
    before = _left(host)
    for command in ("bootstrap", "cleanup"):
        result = call("two", command, code=1)
        assert result["outcome"] == "HostClaimed"
        assert "default/one (UID uid-of-one) since 20" in result["message"]
        assert "default/two" not in result["message"]
        assert result["changed"] is False
        assert _left(host) == before
    # Another machine's name opens nothing; the right one does, and then the first machine is the other one.
    assert call("two", "cleanup", "--take-over", "default/three", code=1)["outcome"] == "HostClaimed"
    assert call("two", "cleanup", "--take-over", "default/one")["outcome"] == "Finished"
    assert host.ssh(f"ls {FILE} /var/lib/capra").stdout == ""
    assert call("two", "bootstrap")["outcome"] == "Finished"
    assert "default/two" in json.dumps(call("one", "cleanup", code=1))
