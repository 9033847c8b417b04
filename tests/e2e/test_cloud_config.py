"""What cloud-config says of name, authorities, clock, locale and packages is there on a real host, once and again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from capra.bootstrap import RunCommand
from tests.e2e.cloud_config import attempted, bootstrapped, twice
from tests.e2e.support import Capra, wait_for
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.support.bootstrap_data import parse


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all of these tests: each looks at what it has asked for."""
    with bring_up() as group:
        yield group[0]


def test_the_name_of_the_host(shared: Host, capra: Capra) -> None:
    document: dict[str, Any] = {"hostname": "node-7.example.com", "manage_etc_hosts": "localhost"}
    look = "uname -n; cat /etc/hostname; getent hosts node-7.example.com; grep -c . /etc/hosts"
    lines = int(shared.ssh("grep -c . /etc/hosts").stdout)
    assert twice(shared, capra, document, look) == [
        "node-7", "node-7", "127.0.1.1       node-7.example.com node-7", str(lines + 1)
    ]  # fmt: skip
    document = {"fqdn": "a.example.com", "prefer_fqdn_over_hostname": True, "manage_etc_hosts": True}
    assert twice(shared, capra, document, "uname -n; cat /etc/hostname; getent hosts a; cat /etc/hosts") == [
        "a.example.com",
        "a.example.com",
        "127.0.1.1       a.example.com a",
        "127.0.1.1 a.example.com a",
        "127.0.0.1 localhost",
        "",
        "::1 localhost ip6-localhost ip6-loopback",
        "ff02::1 ip6-allnodes",
        "ff02::2 ip6-allrouters",
    ]
    bootstrapped(shared, capra, {"hostname": "other", "preserve_hostname": True, "users": ["alice"]})
    assert shared.ssh("uname -n; cat /etc/hostname").stdout.split() == ["a.example.com"] * 2


KINDS = {
    'ID=rocky\nID_LIKE="rhel centos fedora"': [
        "127.0.0.1 a.example.com a",
        "127.0.0.1 localhost.localdomain localhost",
        "127.0.0.1 localhost4.localdomain4 localhost4",
        "::1 a.example.com a",
        "::1 localhost.localdomain localhost",
        "::1 localhost6.localdomain6 localhost6",
    ],
    'ID="opensuse-leap"\nID_LIKE="suse opensuse"': [
        "127.0.1.1 a.example.com a",
        "127.0.0.1 localhost.localdomain localhost",
        "127.0.0.1 localhost4.localdomain4 localhost4",
        "::1 a.example.com a",
        "::1 localhost.localdomain localhost",
        "::1 localhost6.localdomain6 localhost6",
        "::1 localhost ipv6-localhost ipv6-loopback",
        "fe00::0 ipv6-localnet",
        "ff00::0 ipv6-mcastprefix",
        "ff02::1 ipv6-allnodes",
        "ff02::2 ipv6-allrouters",
        "ff02::3 ipv6-allhosts",
    ],
    "ID=alpine": [
        "127.0.0.1 localhost.localdomain localhost",
        "127.0.0.1 localhost4.localdomain4 localhost4",
        "127.0.1.1 a.example.com a",
        "::1 localhost6.localdomain6 localhost6",
        "ff02::1 ip6-allnodes",
        "ff02::2 ip6-allrouters",
    ],
}
"""os-release → the lines of cloud-init's templates for /etc/hosts (its directory `templates`)."""


@pytest.mark.parametrize("release", KINDS)
def test_other_distributions_have_other_lines_in_etc_hosts(shared: Host, release: str) -> None:
    [*_, step] = parse(b"fqdn: a.example.com\nmanage_etc_hosts: true\n")
    assert isinstance(step, RunCommand)
    script = "rm /etc/os-release && cat > /etc/os-release"
    try:
        shared.ssh(script, stdin=f"{release}\n", check=True)
        shared.ssh("sh -s", stdin=step.command, check=True)
    finally:
        shared.ssh("ln -sf ../usr/lib/os-release /etc/os-release", check=True)
    assert [line for line in shared.path("/etc/hosts").read_text().splitlines() if line] == KINDS[release]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """The certificate of an authority, and one of a server that it has signed."""
    place = tmp_path_factory.mktemp("authority")

    def run(*words: str) -> None:
        subprocess.run(["openssl", *words], cwd=place, check=True, capture_output=True)

    run(
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=Capra test",
        "-keyout",
        "ca.key",
        "-out",
        "ca.pem",
    )
    run("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=server", "-keyout", "s.key", "-out", "s.csr")
    run("x509", "-req", "-in", "s.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "s.pem")
    return (place / "ca.pem").read_text(), (place / "s.pem").read_text()


def test_authorities(shared: Host, capra: Capra, authority: tuple[str, str]) -> None:
    trusted, server = authority
    verify = "openssl verify -CApath /etc/ssl/certs /tmp/server.pem >/dev/null 2>&1 && echo trusted || echo not trusted"
    shared.ssh("cat > /tmp/server.pem", stdin=server, check=True)
    assert shared.ssh(verify).stdout.strip() == "not trusted"
    count = "grep -c BEGIN /etc/ssl/certs/ca-certificates.crt"
    before = int(shared.ssh(count).stdout)
    look = f"{verify}; {count}; stat -c '%a %n' /usr/local/share/ca-certificates/*"
    found = twice(shared, capra, {"ca_certs": {"trusted": [trusted, trusted + server]}}, look)
    named = [f"644 /usr/local/share/ca-certificates/cloud-init-ca-cert-{number}.crt" for number in (1, 2, 3)]
    assert found[0] == "trusted"
    assert found[2:] == named
    assert int(found[1]) > before
    # One less: what the last one was is gone.
    found = twice(shared, capra, {"ca_certs": {"trusted": [trusted, trusted]}}, look)
    assert found[2:] == named[:2]
    found = twice(shared, capra, {"ca-certs": {"remove-defaults": True}}, f"{verify}; {count}")
    assert found[0] == "trusted"
    assert int(found[1]) <= 3


def test_authorities_that_cannot_be_written_are_an_error(
    shared: Host, capra: Capra, authority: tuple[str, str]
) -> None:
    """Whether awk tells that the disk is full, or not."""
    place = "/usr/local/share/ca-certificates"
    silent = '#!/bin/sh\n/usr/bin/awk "$@" || :\n'
    shared.ssh("cat > /usr/local/sbin/awk; chmod 755 /usr/local/sbin/awk", stdin=silent, check=True)
    shared.ssh(f"mount -t tmpfs -o size=4k tmpfs {place}", check=True)
    try:
        report = attempted(shared, capra, {"ca_certs": {"trusted": [authority[0]] * 3}})
        left = shared.ssh(f"ls {place}").stdout
    finally:
        shared.ssh(f"umount {place}; rm /usr/local/sbin/awk", check=True)
    assert f"the certificates cannot be written to {place}" in report["message"]
    assert left == ""


def test_time_zone_and_locale(shared: Host, capra: Capra) -> None:
    document = {"timezone": "Asia/Tokyo", "locale": "C.UTF-8"}
    look = "readlink /etc/localtime; cat /etc/timezone; date +%Z; cat /etc/default/locale"
    shared.ssh("printf 'LC_TIME=C\\nLANG=old\\n' > /etc/default/locale", check=True)
    assert twice(shared, capra, document, look) == [
        "/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo", "JST", "LC_TIME=C", "LANG=C.UTF-8"
    ]  # fmt: skip
    report = attempted(shared, capra, {"timezone": "Mars/Olympus"})
    assert "is not there: a name below /usr/share/zoneinfo" in report["message"]
    report = attempted(shared, capra, {"locale": "de_DE.UTF-8"})
    assert "is not there: install it" in report["message"]
    assert shared.ssh("cat /etc/default/locale").stdout.split() == ["LC_TIME=C", "LANG=C.UTF-8"]


LOCALES = {
    "locale": "sed 's/ .*//; s/UTF-8/utf8/' /etc/locale.made",
    "locale-gen": "echo \"$*\" >> /etc/locale.calls; grep -v '^#' /etc/locale.gen > /etc/locale.made",
}
"""In the place of the package locales: what it lists, and what it makes of /etc/locale.gen."""


def test_a_locale_that_is_to_be_made(shared: Host, capra: Capra) -> None:
    for name, text in LOCALES.items():
        script = f"#!/bin/sh\n{text}\n"
        shared.ssh(f"cat > /usr/local/sbin/{name}; chmod 755 /usr/local/sbin/{name}", stdin=script, check=True)
    shared.ssh("printf '# de_DE.UTF-8 UTF-8\\nfr_FR.UTF-8 UTF-8' > /etc/locale.gen; : > /etc/locale.made", check=True)
    try:
        look = "cat /etc/locale.gen /etc/locale.calls; grep LANG= /etc/default/locale"
        assert twice(shared, capra, {"locale": "de_DE.UTF-8"}, look) == [
            "# de_DE.UTF-8 UTF-8", "fr_FR.UTF-8 UTF-8", "de_DE.UTF-8 UTF-8", "--keep-existing", "LANG=de_DE.UTF-8"
        ]  # fmt: skip
    finally:
        shared.ssh("rm /usr/local/sbin/locale /usr/local/sbin/locale-gen", check=True)


def test_without_a_client_ntp_is_an_error(shared: Host, capra: Capra) -> None:
    report = attempted(shared, capra, {"ntp": {"servers": ["192.0.2.1"]}})
    assert "ntp needs chrony or systemd-timesyncd, and neither is there" in report["message"]
    report = attempted(shared, capra, {"ntp": {"ntp_client": "chrony"}})
    assert "ntp needs chrony, which is not there" in report["message"]


UNIT = """[Service]
ExecStart=/bin/sh -c 'cat {conf} > /run/{name}.read; exec sleep infinity'
[Install]
WantedBy=multi-user.target
"""


def test_time_servers(shared: Host, capra: Capra) -> None:
    """Clients of a few lines, which keep what they have read: the host has no network for real ones."""
    stand_in(shared, "systemd-timesyncd", "/usr/lib/systemd/systemd-timesyncd", "/etc/systemd/timesyncd.conf.d/*.conf")
    document = {"ntp": {"enabled": True, "servers": ["192.0.2.1"], "pools": ["pool.example.com"]}}
    look = "systemctl is-enabled {0}; systemctl is-active {0}; cat /run/{0}.read"
    assert twice(shared, capra, document, look.format("systemd-timesyncd")) == [
        "enabled", "active", "[Time]", "NTP=192.0.2.1 pool.example.com"
    ]  # fmt: skip
    stand_in(shared, "chrony", "/usr/sbin/chronyd", "/etc/chrony/chrony.conf")
    conf = "pool 2.debian.pool.ntp.org iburst\nsourcedir /run/chrony-dhcp\nmakestep 1 3\n"
    shared.ssh("mkdir -p /etc/chrony; cat > /etc/chrony/chrony.conf", stdin=conf, check=True)
    assert twice(shared, capra, document, look.format("chrony")) == [
        "enabled", "active", "server 192.0.2.1 iburst", "pool pool.example.com iburst", "makestep 1 3"
    ]  # fmt: skip
    assert shared.ssh("cat /etc/chrony/chrony.conf.dist").stdout == conf
    bootstrapped(shared, capra, {"ntp": {"ntp_client": "chrony"}})
    assert shared.ssh("head -n 1 /etc/chrony/chrony.conf").stdout.strip() == "server 192.0.2.1 iburst"


def stand_in(host: Host, service: str, program: str, conf: str) -> None:
    """A service of that name, and the program by which the client is known."""
    unit = f"/etc/systemd/system/{service}.service"
    host.ssh(f"cat > {unit}", stdin=UNIT.format(conf=conf, name=service), check=True)
    host.ssh(f"install -D -m 755 /bin/true {program} && systemctl daemon-reload", check=True)


PACKAGE = """set -e
mkdir -p /srv/repository /tmp/made/DEBIAN /tmp/made/usr/share/{name}
printf 'Package: {name}\\nVersion: {version}\\nArchitecture: all\\n' > /tmp/made/DEBIAN/control
printf 'Maintainer: x\\nDescription: x\\n' >> /tmp/made/DEBIAN/control
dpkg-deb --build --root-owner-group /tmp/made /srv/repository/{name}_{version}.deb >/dev/null
rm -r /tmp/made
cd /srv/repository
for file in *.deb; do dpkg-deb -f "$file"; echo "Filename: ./$file"; echo "Size: $(stat -c %s "$file")"
    echo "SHA256: $(sha256sum "$file" | cut -d' ' -f1)"; echo; done > Packages
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo 'deb [trusted=yes] file:/srv/repository ./' > /etc/apt/sources.list
"""


def test_packages(shared: Host, capra: Capra) -> None:
    """With the real apt, from a repository on the host."""
    for name, version in (("tool", "1.0"), ("tool", "1.1"), ("other", "2.0")):
        shared.ssh(f"sh -s <<'E'\n{PACKAGE.format(name=name, version=version)}E", check=True)
    look = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\\n' tool other"
    document: dict[str, Any] = {"packages": [["tool", "1.0"], "other"]}
    assert twice(shared, capra, document, look) == ["other 2.0 ii ", "tool 1.0 ii "]
    bootstrapped(shared, capra, {"packages": ["tool"]})
    assert "tool 1.0 ii" in shared.ssh(look).stdout
    document = {"package_update": True, "package_upgrade": True, "packages": ["other"]}
    assert twice(shared, capra, document, look) == ["other 2.0 ii ", "tool 1.1 ii "]
    report = attempted(shared, capra, {"packages": ["no-such-package"]})
    assert "apt-get cannot install the packages" in report["message"]


def test_packages_wait_for_who_holds_the_lock(shared: Host, capra: Capra) -> None:
    shared.ssh(f"sh -s <<'E'\n{PACKAGE.format(name='late', version='1')}E", check=True)
    # The host has no Python; Perl is dpkg's own, and would say that a locale is missing. It lets go six seconds after
    # the run has begun.
    held = 'use Fcntl; open(F, "+>>", "/var/lib/dpkg/lock-frontend") or die;'
    held += ' $lock = pack("s s l! l! i", F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; print "held\\n";'
    held += ' until (-e "/srv/begun") { sleep 1 } sleep 6; print "released\\n"'
    shared.ssh(f"LC_ALL=C perl -e '$| = 1; {held}' </dev/null >/srv/lock.log 2>&1 &", check=True)
    wait_for(lambda: shared.path("/srv/lock.log").read_text() == "held\n", "somebody to hold the lock")
    bootstrapped(shared, capra, {"bootcmd": ["touch /srv/begun"], "packages": ["late"]})
    assert shared.path("/srv/lock.log").read_text() == "held\nreleased\n"
    assert "ii" in shared.ssh("dpkg-query -W -f '${db:Status-Abbrev}' late").stdout
