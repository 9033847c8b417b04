"""Kind 20: why a host has not run anything, in its own words."""

from __future__ import annotations

from tests.e2e.faults.cases import scenario
from tests.e2e.support import Capra, cloud_config, key_secret, machine
from tests.hosts import Host


@scenario("root login forwarded to another user")
def root_login_forwarded(host: Host, capra: Capra) -> None:
    sentence = 'Please login as the user "debian" rather than root.'
    said = sentence.replace('"', '\\"')
    host.ssh("sed 's/^/OPTIONS /' /etc/ssh/authorized_keys > /root/keys", check=True)
    options = f"""command="echo '{said}'; sleep 1; exit 142" """
    keys = host.ssh("cat /root/keys", check=True).stdout.replace("OPTIONS ", options)
    host.ssh("cat > /etc/ssh/authorized_keys", stdin=keys, check=True)
    manifest = capra.manifests(machine(host), key_secret(host))
    for command in (("bootstrap", "--bootstrap-data", str(capra.data(cloud_config()))), ("preflight",), ("cleanup",)):
        [report] = capra.json(*command, "-f", manifest, code=1)
        assert report["outcome"] == "LoginFailed"
        assert sentence in report["message"]
