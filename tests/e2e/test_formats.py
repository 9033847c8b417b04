"""Bootstrap data of other formats than one cloud-config, carried out on a real host."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from typing import Any

import pytest
import yaml

from tests.e2e.support import SENTINEL, Capra, key_secret, machine
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.support.ignition import config, data_url, kubeadm

PASSWORD_HASH = "$6$saltsalt$UnbMLvLLkTKkzhzqOfnzuCRCWrhpLDVkqcHQTbLcWCzbzJYwAv7YWKgNrPwBuNNmCvhZlkr1pQnqdDCt1vQWV0"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0Xn2m0 somebody's key"


@pytest.fixture(scope="module")
def host() -> Iterator[Host]:
    """One for the file: each test cleans it, or makes what no other one makes."""
    with bring_up() as group:
        yield group[0]


@pytest.fixture
def site(host: Host, capra: Capra) -> Iterator[Site]:
    """The host, clean again afterwards."""
    made = Site(host, capra)
    yield made
    capra.run("cleanup", "-f", made.manifest)


class Site:
    """A machine of the host."""

    def __init__(self, host: Host, capra: Capra) -> None:
        self.host, self.capra = host, capra
        self.manifest = capra.manifests(machine(host), key_secret(host))

    def bootstrap(self, data: bytes, code: int = 0) -> dict[str, Any]:
        """Its report."""
        file = self.capra.data(data)
        [report] = self.capra.json("bootstrap", "-f", self.manifest, "--bootstrap-data", file, code=code)
        return report

    def out(self, command: str) -> list[str]:
        """The lines that a command of the host prints."""
        return self.host.ssh(command).stdout.splitlines()


def unit(name: str, command: str, *, install: bool = True, **more: Any) -> dict[str, Any]:
    """A oneshot unit that stays active."""
    end = "[Install]\nWantedBy=multi-user.target\n" if install else ""
    body = f"[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/sh -c '{command}'\n"
    return {"name": name, "contents": body + end, **more}


def test_ignition_becomes_exactly_what_it_describes(site: Site) -> None:
    site.host.ssh("mkdir -p /opt/old/tree && ln -s /etc/hostname /opt/replaced && echo kept > /opt/kept", check=True)
    data = config(
        passwd={
            "groups": [{"name": "admins", "gid": 4321}],
            "users": [
                {
                    "name": "core",
                    "uid": 4322,
                    "gecos": "The Core",
                    "groups": ["admins"],
                    "homeDir": "/srv/core",
                    "shell": "/bin/bash",
                    "passwordHash": PASSWORD_HASH,
                    "sshAuthorizedKeys": [KEY, KEY],
                },
                {"name": "daemon2", "system": True, "noCreateHome": True},
                {"name": "games", "shouldExist": False},
            ],
        },
        storage={
            "files": [
                {"path": "/opt/a/bytes", "contents": {"source": data_url(bytes(range(256)))}, "mode": 0o640},
                {"path": "/opt/of core", "user": {"name": "core"}, "group": {"id": 4321}},
                {"path": "/opt/kept", "append": [{"source": "data:,more"}]},
                {"path": "/opt/replaced", "contents": {"source": "data:,new"}, "overwrite": True},
            ],
            "directories": [
                {"path": "/opt/a", "mode": 0o1750, "group": {"name": "admins"}},
                {"path": "/opt/old", "overwrite": True},
            ],
            "links": [
                {"path": "/opt/soft", "target": "a/bytes", "user": {"id": 4322}},
                {"path": "/hard", "target": "/opt/a/bytes", "hard": True},
            ],
        },
        systemd={
            "units": [
                unit("first.service", "echo first >> /var/tmp/order", enabled=True),
                unit(
                    "ready.service",
                    f"echo $WORD >> /var/tmp/order; {SENTINEL}",
                    enabled=True,
                    dropins=[{"name": "word.conf", "contents": "[Service]\nEnvironment=WORD=second\n"}],
                ),
                unit("static.service", "echo static >> /var/tmp/order", install=False, enabled=True),
                unit("silent.service", "echo silent >> /var/tmp/order"),
                {"name": "never.service", "mask": True},
            ]
        },
    )
    report = site.bootstrap(data)

    assert report["outcome"] == "Finished"
    assert site.out("stat -c '%a %U:%G %F' /opt/a/bytes '/opt/of core' /opt/replaced /opt/a /opt/old") == [
        "640 root:root regular file",
        "644 core:admins regular empty file",
        "644 root:root regular file",
        "1750 root:admins directory",
        "755 root:root directory",
    ]
    assert site.out("sha256sum < /opt/a/bytes; cat /opt/kept; echo; cat /opt/replaced; echo; ls /opt/old | wc -l") == [
        f"{hashlib.sha256(bytes(range(256))).hexdigest()}  -",
        "kept",
        "more",
        "new",
        "0",
    ]
    assert site.out("stat -c '%N %u' /opt/soft; test /hard -ef /opt/a/bytes && echo same") == [
        "'/opt/soft' -> 'a/bytes' 4322",
        "same",
    ]
    _assert_accounts(site)
    assert site.out("cat /var/tmp/order") == ["first", "second"]
    states = site.out("systemctl is-enabled first ready static silent never; systemctl is-active first silent")
    assert states == ["enabled", "enabled", "static", "disabled", "masked", "active", "inactive"]
    assert site.out("cat /etc/systemd/system-preset/20-capra.preset") == [
        "enable first.service",
        "enable ready.service",
        "enable static.service",
    ]


def _assert_accounts(site: Site) -> None:
    assert site.out("getent passwd core; id -nG core; getent shadow core | cut -d : -f 2; getent passwd games") == [
        "core:x:4322:4322:The Core:/srv/core:/bin/bash",
        "core admins",
        PASSWORD_HASH,
    ]
    assert site.out("cat /srv/core/.ssh/authorized_keys; stat -c '%a %U' /srv/core/.ssh /srv/core/.ssh/*") == [
        KEY,
        "700 core",
        "600 core",
    ]
    assert site.out("id -u daemon2 | grep -c '^...$'; getent shadow daemon2 | cut -d : -f 2; ls -d /home/daemon2") == [
        "1",
        "*",
    ]


def test_a_second_run_ends_where_the_first_one_did(site: Site) -> None:
    """As after a step that was cut off; the accounts' programs above all."""
    user = {"name": "twice", "groups": ["twices"], "passwordHash": PASSWORD_HASH, "sshAuthorizedKeys": [KEY]}
    data = config(
        passwd={"groups": [{"name": "twices", "gid": 4400}], "users": [user, {"name": "gone", "shouldExist": False}]},
        storage={
            "files": [{"path": "/opt/twice/a", "contents": {"source": "data:,a"}, "user": {"name": "twice"}}],
            "directories": [{"path": "/opt/twice", "mode": 0o700}],
            "links": [{"path": "/opt/to-twice", "target": "twice"}],
        },
        systemd={"units": [unit("twice.service", "echo ran >> /var/tmp/twice", enabled=True)]},
    )
    look = (
        "getent passwd twice; getent shadow twice; id twice; ls -la --time-style=+ /opt/twice /home/twice/.ssh;"
        " cat /home/twice/.ssh/authorized_keys; readlink /opt/to-twice; systemctl is-active twice"
    )
    site.bootstrap(data, code=1)  # nothing has made the sentinel file
    first = site.out(look)
    # useradd was cut off before it made the home.
    site.host.ssh(f"rm -r /home/twice && {SENTINEL}", check=True)
    [report] = site.capra.json("bootstrap", "-f", site.manifest, "--bootstrap-data", site.capra.data(data), "--restart")

    assert report["outcome"] == "Finished"
    assert site.out(look) == first
    assert site.out("stat -c %U /home/twice; cat /var/tmp/twice; ls -A /home/twice | grep -c bashrc") == [
        "twice",
        "ran",
        "ran",  # its file has been written anew
        "1",
    ]


@pytest.mark.parametrize(
    ("user", "why"),
    [
        ({"shouldExist": False}, "cannot be removed: leave it out"),
        ({"groups": ["users"]}, "would lose the groups drivers: name them, too"),
        ({"shell": "/usr/sbin/nologin"}, "its shell would change"),
        ({"uid": 4999}, "its uid would change"),
        ({"primaryGroup": "users"}, "its primaryGroup would change"),
        ({"homeDir": "/srv/elsewhere"}, "its homeDir would change"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_the_account_that_capra_logs_in_with_stays(host: Host, capra: Capra, user: dict[str, Any], why: str) -> None:
    host.ssh("groupadd -f drivers; usermod -a -G drivers ops", check=True)
    look = "getent passwd ops; id ops; sudo -n id -u"
    before = host.ssh(look, user="ops", check=True).stdout
    manifest = capra.manifests(machine(host, user="ops"), key_secret(host))
    data = capra.data(config(passwd={"users": [{"name": "ops", **user}]}))
    try:
        [report] = capra.json("bootstrap", "-f", manifest, "--bootstrap-data", data, code=1)
    finally:
        capra.run("cleanup", "-f", manifest)
    assert "the user ops is the one that Capra logs in with" in report["message"]
    assert why in report["message"]
    assert host.ssh(look, user="ops", check=True).stdout == before


def test_the_account_that_capra_logs_in_with_may_get_more(host: Host, capra: Capra) -> None:
    host.ssh("groupadd -f drivers; usermod -a -G drivers ops", check=True)
    manifest = capra.manifests(machine(host, user="ops"), key_secret(host))
    user = {"name": "ops", "groups": ["drivers", "users"], "gecos": "Ops"}
    ready = unit("ready3.service", SENTINEL, enabled=True)
    data = capra.data(config(passwd={"users": [user]}, systemd={"units": [ready]}))
    capra.run("bootstrap", "-f", manifest, "--bootstrap-data", data)
    capra.run("cleanup", "-f", manifest)
    found = host.ssh("id -nG; getent passwd ops | cut -d: -f5; sudo -n id -u", user="ops", check=True).stdout
    groups, *rest = found.splitlines()
    assert (set(groups.split()), rest) == ({"ops", "users", "drivers"}, ["Ops", "0"])


def test_a_user_that_was_half_made_is_made_again(site: Site) -> None:
    site.host.ssh("touch /etc/.capra-new-user.half && useradd -M -s /bin/sh half", check=True)
    ready = unit("ready4.service", SENTINEL, enabled=True)
    user = {"name": "half", "shell": "/bin/bash", "sshAuthorizedKeys": [KEY]}
    site.bootstrap(config(passwd={"users": [user]}, systemd={"units": [ready]}))
    assert site.out(
        "getent passwd half | cut -d: -f7; getent shadow half | cut -d: -f2; ls -A /home/half; ls /etc/.capra*"
    ) == ["/bin/bash", "*", ".bash_logout", ".bashrc", ".profile", ".ssh"]


def test_what_kubeadm_writes_runs(site: Site) -> None:
    report = site.bootstrap(kubeadm("date +%N > /var/tmp/joined"))

    assert report["outcome"] == "Finished"
    assert site.out("wc -l < /var/tmp/joined; ls /etc/kubeadm.yml; id -un foo; systemctl is-enabled kubeadm") == [
        "1",
        "foo",
        "enabled",
    ]
    assert "After=network-online.target" in "".join(site.out("systemctl cat kubeadm"))


def test_a_unit_that_fails_fails_the_bootstrap_with_its_last_words(site: Site) -> None:
    failing = unit("failing.service", "echo the last words >&2; exit 3", enabled=True)
    report = site.bootstrap(config(systemd={"units": [failing]}), code=1)

    assert report["outcome"] != "Finished"
    told = json.dumps(report)
    assert "failing.service did not start" in told
    assert "the last words" in told
    site.host.ssh("systemctl disable failing.service", check=False)


def test_a_file_in_the_way_is_told_before_anything_is_changed(site: Site) -> None:
    site.host.ssh("echo theirs > /opt/theirs; echo same > /opt/same", check=True)
    files = [
        {"path": "/opt/not-yet", "contents": {"source": "data:,a"}},
        {"path": "/opt/same", "contents": {"source": "data:,same%0A"}},
        {"path": "/opt/theirs", "contents": {"source": "data:,mine"}},
    ]
    data = config(storage={"files": files}, passwd={"groups": [{"name": "notyet"}]})
    report = site.bootstrap(data, code=1)

    assert "/opt/theirs is there already" in json.dumps(report)
    assert site.out("cat /opt/theirs; ls /opt/not-yet; getent group notyet") == ["theirs"]


def test_a_unit_that_runs_is_started_anew_with_its_new_files(site: Site) -> None:
    site.host.ssh(
        "printf '[Service]\\nEnvironment=WORD=old\\nExecStart=/bin/sh -c \"echo $WORD >>/var/tmp/words; sleep 999\"\\n'"
        " > /etc/systemd/system/words.service && systemctl daemon-reload && systemctl start words && sleep 1.1",
        check=True,
    )
    dropin = {"name": "word.conf", "contents": "[Service]\nEnvironment=WORD=new\n"}
    ready = unit("ready2.service", SENTINEL, enabled=True)
    site.bootstrap(config(systemd={"units": [{"name": "words.service", "dropins": [dropin]}, ready]}))
    assert site.out("cat /var/tmp/words") == ["old", "new"]
    site.host.ssh("systemctl stop words; rm /etc/systemd/system/words.service", check=True)


def multipart(*parts: tuple[str, str, str]) -> bytes:
    """Of types, file names and contents, as Python writes it."""
    document = MIMEMultipart()
    for subtype, name, content in parts:
        part = MIMEText(content, subtype, "utf-8")
        part.add_header("Content-Disposition", "attachment", filename=name)
        document.attach(part)
    return document.as_bytes()


def test_a_multipart_document_with_two_cloud_configs_and_two_scripts(site: Site) -> None:
    last = yaml.safe_dump({"runcmd": ["echo runcmd >> /var/tmp/mime", SENTINEL]})
    data = multipart(
        ("cloud-config", "one", "#cloud-config\nwrite_files: [{path: /opt/mime, content: ü}]\nruncmd: ['false']\n"),
        ("x-shellscript", "a-first", "#!/bin/sh\necho a >> /var/tmp/mime\n"),
        ("cloud-config", "two", f"#cloud-config\n{last}"),
        ("x-shellscript", "z-last", "#!/bin/bash\necho ${0##*/} $BASH_VERSION >> /var/tmp/mime\n"),
    )
    site.bootstrap(data)
    *first, last_line = site.out("cat /opt/mime; echo; cat /var/tmp/mime")
    assert first == ["ü", "a", "runcmd"]
    assert last_line.startswith("z-last 5.")
    assert site.out("stat -c '%a %U %n' /etc/k0smotron/scripts/*") == [
        "700 root /etc/k0smotron/scripts/a-first",
        "700 root /etc/k0smotron/scripts/z-last",
    ]


def test_a_script_whose_status_decides(site: Site) -> None:
    report = site.bootstrap(b"#!/bin/sh\necho ran >> /var/tmp/script\nexit 7\n", code=1)
    assert "run the script part-001" in json.dumps(report)

    site.bootstrap(f"#!/bin/sh\necho ran >> /var/tmp/script\n{SENTINEL}\n".encode())
    assert site.out("cat /var/tmp/script") == ["ran", "ran"]


def test_an_archive(site: Site) -> None:
    archive = [
        {"type": "text/cloud-config", "content": "bootcmd: [echo early >> /var/tmp/archive]\n"},
        {"filename": "s", "content": f"#!/bin/sh\necho script >> /var/tmp/archive; {SENTINEL}\n"},
        "#cloud-config\nruncmd: [echo late >> /var/tmp/archive]\n",
    ]
    site.bootstrap(b"#cloud-config-archive\n" + yaml.safe_dump(archive).encode())
    assert site.out("cat /var/tmp/archive") == ["early", "late", "script"]


def test_ignition_of_a_secret_by_its_format(site: Site) -> None:
    """Which says the same as the data; a format that does not is named."""
    data = config(systemd={"units": [unit("by-format.service", SENTINEL, enabled=True)]})
    [document, key] = yaml.safe_load_all(site.manifest.read_text())
    secret: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "data", "namespace": "default"},
        "stringData": {"value": data.decode(), "format": "cloud-config"},
    }
    owner = {
        "apiVersion": "cluster.x-k8s.io/v1beta1",
        "kind": "Machine",
        "metadata": {"name": "owner", "namespace": "default"},
        "spec": {
            "clusterName": "c",
            "bootstrap": {"dataSecretName": "data"},
            "infrastructureRef": {
                "apiVersion": document["apiVersion"],
                "kind": "RemoteMachine",
                "name": document["metadata"]["name"],
            },
        },
    }
    file = site.capra.manifests(document, key, secret, owner, name="all.yaml")
    refused = site.capra.run("bootstrap", "-f", file, code=2)
    assert "format: is cloud-config, but the data are Ignition" in refused.stdout + refused.stderr
    secret["stringData"]["format"] = "ignition"
    site.capra.manifests(document, key, secret, owner, name="all.yaml")
    [report] = site.capra.json("bootstrap", "-f", file)
    assert report["outcome"] == "Finished"
