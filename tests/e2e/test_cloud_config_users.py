"""The users that cloud-config asks for are on a real host: exactly those, once and again."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from capra.bootstrap import RunCommand
from tests.e2e.cloud_config import attempted, bootstrapped, twice
from tests.e2e.support import Capra, wait_for
from tests.e2e.test_secrets import process_lists
from tests.hosts import Host
from tests.hosts.fixtures import bring_up
from tests.support.bootstrap_data import parse

HASH = "$6$capra.salt$kzVwuBJ8C9pWkJx0J4TrlG1kGd2Vdb2oQ1oM5sZ8pJQ0mX5y3wS7cVfBq9nLr6tHhE4aUgIeDxYzKoPwMiNvR1"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ4fT7R3Vx6ahSHXU2oG6qQyRW8hVYfNqkPCDV5oXzZs alice@laptop"


@pytest.fixture(scope="module")
def shared() -> Iterator[Host]:
    """One host for all of these tests: each looks at what it has asked for."""
    with bring_up() as group:
        yield group[0]


def test_users_and_groups(shared: Host, capra: Capra) -> None:
    accounts = "cut -d: -f1 /etc/passwd; cut -d: -f1 /etc/group"
    before = set(shared.ssh(accounts).stdout.split())
    document = {
        "groups": ["engine", {"crew": ["alice", "nosudo"]}],
        "users": [
            "default",
            {
                "name": "alice",
                "gecos": "Alice A.",
                "groups": "users, drivers",
                "shell": "/bin/bash",
                "uid": 4711,
                "homedir": "/srv/homes/alice",
                "expiredate": "2040-12-31",
                "inactive": "30",
            },
            {"name": "agent", "system": True, "primary_group": "engine", "shell": "/usr/sbin/nologin"},
        ],
    }
    found = twice(
        shared,
        capra,
        document,
        "getent passwd alice agent | sed 's/:[0-9]*:[0-9]*:/:/'; id -un 4711;"
        " for user in alice agent nosudo; do id -nG $user; done; getent shadow alice agent | cut -d: -f2,7,8;"
        " stat -c '%a %U %G %n' /srv/homes/alice /srv/homes/alice/.profile;"
        " ls -d /home/agent /etc/.capra* /srv/homes/*.capra-new 2>/dev/null || echo nothing else",
    )
    assert found == [
        "alice:x:Alice A.:/srv/homes/alice:/bin/bash",
        "agent:x::/home/agent:/usr/sbin/nologin",
        "alice",
        "alice users crew drivers",
        "engine",
        "nosudo crew",
        "!:30:25932",
        "!::",
        "755 alice alice /srv/homes/alice",
        "644 alice alice /srv/homes/alice/.profile",
        "nothing else",
    ]
    assert set(shared.ssh(accounts).stdout.split()) - before == {"alice", "agent", "engine", "crew", "drivers"}


def test_a_user_that_is_there_keeps_what_it_has(shared: Host, capra: Capra) -> None:
    shared.ssh("useradd -m -s /bin/sh -c Old old && echo 'old:$6$a$b' | chpasswd -e", check=True)
    user = {
        "name": "old",
        "gecos": "New",
        "shell": "/bin/bash",
        "groups": ["users"],
        "passwd": HASH,
        "lock_passwd": False,
    }
    found = twice(
        shared,
        capra,
        {"users": [user]},
        "getent passwd old | cut -d: -f5-; id -nG old; getent shadow old | cut -d: -f2",
    )
    assert found == ["Old:/home/old:/bin/sh", "old", "$6$a$b"]
    found = twice(shared, capra, {"users": [{"name": "old", "hashed_passwd": HASH}]}, "getent shadow old | cut -d: -f2")
    assert found == [f"!{HASH}"]
    unlocked = {"users": [{"name": "old", "lock_passwd": False}]}
    assert twice(shared, capra, unlocked, "getent shadow old | cut -d: -f2") == [HASH]


def test_a_user_that_was_half_made_is_made_again(shared: Host, capra: Capra) -> None:
    """The power went while useradd was at work: the user is there, its groups and its home are not."""
    shared.ssh("touch /etc/.capra-new-user.half && useradd -M -s /bin/sh half && mkdir /home/.capra-new", check=True)
    user = {"name": "half", "groups": "users", "shell": "/bin/bash", "passwd": HASH, "lock_passwd": False}
    bootstrapped(shared, capra, {"users": [user]})
    found = shared.ssh(
        "getent passwd half | cut -d: -f7; id -nG half; getent shadow half | cut -d: -f2; ls -A /home/half*;"
        " ls -d /etc/.capra* /home/.capra*"
    )
    assert found.stdout.split() == ["/bin/bash", "half", "users", HASH, ".bash_logout", ".bashrc", ".profile"]


def test_sudo_and_keys(shared: Host, capra: Capra) -> None:
    option = f"restrict {KEY.replace('laptop', 'desk')}"
    shared.ssh(
        "useradd -m sue && mkdir -m 700 /home/sue/.ssh && echo '# mine' > /home/sue/.ssh/authorized_keys"
        f" && echo '{option}' >> /home/sue/.ssh/authorized_keys && chown -R sue:sue /home/sue/.ssh"
        " && chmod 640 /home/sue/.ssh/authorized_keys",
        check=True,
    )
    own = _public_key(shared)
    users = [
        {
            "name": "sue",
            "sudo": ["ALL=(ALL) NOPASSWD:/usr/bin/id", "ALL=(ops) NOPASSWD:ALL"],
            "ssh_authorized_keys": [KEY],
        },
        {"name": "tom", "sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": [own, KEY]},
    ]
    found = twice(
        shared,
        capra,
        {"users": users},
        "stat -c '%a %U %G %n' /home/sue/.ssh/authorized_keys /home/tom/.ssh /home/tom/.ssh/authorized_keys"
        " /etc/sudoers.d/90-cloud-init-users; cat /home/sue/.ssh/authorized_keys; visudo -c >/dev/null && echo valid;"
        " grep -c . /etc/sudoers.d/90-cloud-init-users; ls /etc/sudoers.d /home/tom/.ssh",
    )
    assert found[:4] == [
        "640 sue sue /home/sue/.ssh/authorized_keys",
        "700 tom tom /home/tom/.ssh",
        "600 tom tom /home/tom/.ssh/authorized_keys",
        "440 root root /etc/sudoers.d/90-cloud-init-users",
    ]
    assert found[4:8] == ["# mine", KEY, "valid", "5"]  # two comments, three rules
    assert found[8:] == [
        "/etc/sudoers.d:",
        "90-cloud-init-users",
        "README",
        "ops",
        "",
        "/home/tom/.ssh:",
        "authorized_keys",
    ]
    assert shared.ssh("sudo -n id -u", user="tom", check=True).stdout.strip() == "0"


def _public_key(host: Host) -> str:
    return subprocess.run(
        ["ssh-keygen", "-y", "-f", host.key_file], capture_output=True, text=True, check=True
    ).stdout.strip()


def test_rules_that_sudo_would_not_read_are_not_put_into_effect(shared: Host, capra: Capra) -> None:
    before = shared.ssh("cat /etc/sudoers.d/*").stdout
    report = attempted(shared, capra, {"users": [{"name": "bad", "sudo": "ALL=(ALL NOPASSWD"}]})
    assert "visudo refuses the rules for the user bad" in report["message"]
    assert shared.ssh("cat /etc/sudoers.d/*; ls /etc/sudoers.d/*.new").stdout == before


def test_the_user_that_capra_logs_in_as_keeps_its_access(shared: Host, capra: Capra) -> None:
    """Its password is locked, its keys stay, and a rule that would ask it for a password is refused."""
    bootstrapped(
        shared, capra, {"users": [{"name": "ops", "sudo": "ALL=(ALL) NOPASSWD:ALL", "ssh_authorized_keys": [KEY]}]}
    )
    assert shared.ssh("sudo -n id -u", user="ops", check=True).stdout.strip() == "0"
    # What is read last counts.
    shared.ssh("cd /etc/sudoers.d && mv ops 10-ops", check=True)
    for rule in (
        "ALL=(ALL) ALL",
        "ALL=(ALL) NOPASSWD:/bin/false : ALL=(ALL) ALL",
        "ALL=(ALL) ALL # NOPASSWD: not any more",
        "ALL=(ALL) NOPASSWD: ALL, !ALL",
    ):
        report = attempted(shared, capra, {"users": [{"name": "ops", "sudo": rule}]})
        assert "the user ops has sudo without a password, and would lose it" in report["message"], rule
    assert shared.ssh("sudo -n id -u", user="ops", check=True).stdout.strip() == "0"


def test_a_link_in_the_way_of_keys_is_refused(shared: Host, capra: Capra) -> None:
    shared.ssh("useradd -m eve && ln -s /root/.ssh /home/eve/.ssh; mkdir -p /root/.ssh; ls -lR /root/.ssh", check=True)
    report = attempted(shared, capra, {"users": [{"name": "eve", "ssh_authorized_keys": [KEY]}]})
    assert "/home/eve/.ssh/authorized_keys cannot be written as the user eve" in report["message"]
    assert "alice@laptop" not in shared.ssh("cat /root/.ssh/* 2>/dev/null").stdout


def test_a_member_that_is_no_user_is_an_error(shared: Host, capra: Capra) -> None:
    report = attempted(shared, capra, {"groups": {"ghosts": ["casper"]}})
    assert "casper cannot be added to ghosts: no such user" in report["message"]


def test_a_hash_is_nowhere_to_be_seen(shared: Host, capra: Capra) -> None:
    users = [{"name": "hidden", "passwd": HASH, "lock_passwd": False}, {"name": "nobody", "hashed_passwd": HASH}]
    with process_lists() as seen:
        bootstrapped(shared, capra, {"users": users})
    assert shared.ssh("getent shadow hidden nobody | cut -d: -f2").stdout.split() == [HASH, f"!{HASH}"]
    left = shared.ssh(f"grep -rlF '{HASH[10:]}' /etc /var /run /tmp /root 2>/dev/null").stdout.split()
    assert set(left) == {"/etc/shadow", "/etc/shadow-"}
    # A careless program prints what it is given.
    program = "#!/bin/sh\nenv\nps axww\ncat\ncat >&2\nexit 3\n"
    shared.ssh("cat > /usr/local/sbin/chpasswd; chmod 755 /usr/local/sbin/chpasswd", stdin=program, check=True)
    try:
        with process_lists() as also_seen:
            report = attempted(shared, capra, {"users": users[1:]})
    finally:
        shared.ssh("rm /usr/local/sbin/chpasswd", check=True)
    assert "the password of the user nobody cannot be set" in report["message"]
    assert HASH[10:] not in str(report)
    assert [line for line in [*seen, *also_seen] if HASH[10:] in line] == []


@pytest.mark.parametrize("answer", [True, False])
def test_passwords_over_ssh(shared: Host, capra: Capra, answer: bool) -> None:
    """In cloud-init's file, which is read before the host's own; the sshd that runs has it."""
    # A host that gives this answer already gets no file.
    bootstrapped(shared, capra, {"ssh_pwauth": not answer})
    wanted = "yes" if answer else "no"
    found = twice(
        shared,
        capra,
        {"ssh_pwauth": answer},
        "sshd -T | grep -i ^passwordauth; cat /etc/ssh/sshd_config.d/50-cloud-init.conf",
    )
    assert found == [f"passwordauthentication {wanted}", f"PasswordAuthentication {wanted}"]
    # sshd reads its files a moment after it was told to.
    wait_for(lambda: _asks_password(shared) is answer, f"sshd {'asks' if answer else 'does not ask'} for passwords")


def _asks_password(host: Host) -> bool | None:
    """Whether sshd offers passwords; None where it does not answer."""
    asked = subprocess.run(
        ["ssh", "-F", "none", "-v", "-oBatchMode=yes", "-oPubkeyAuthentication=no", "-oStrictHostKeyChecking=no",
         "-oUserKnownHostsFile=/dev/null", f"-p{host.port}", f"alice@{host.address}", "true"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    offered = [line for line in asked.stderr.splitlines() if "Authentications that can continue" in line]
    return "password" in offered[0].replace("password-", "") if offered else None


def test_passwords_over_ssh_that_another_file_settles_are_an_error(shared: Host, capra: Capra) -> None:
    shared.ssh("echo 'PasswordAuthentication no' > /etc/ssh/sshd_config.d/10-first.conf", check=True)
    try:
        report = attempted(shared, capra, {"ssh_pwauth": True})
    finally:
        shared.ssh("rm /etc/ssh/sshd_config.d/10-first.conf")
    assert "sshd still has another PasswordAuthentication" in report["message"]


BUSYBOX_TOOLS = {
    "su": 'exec /usr/bin/su "$@"',
    "adduser": """for last; do :; done
command=/usr/sbin/useradd\\ -M
while getopts DHSG:u:g:h:s: option; do case $option in
    D | H) ;; S) command="$command -r" ;; G) command="$command -g $OPTARG" ;; u) command="$command -u $OPTARG" ;;
    g) gecos=$OPTARG ;; h) command="$command -d $OPTARG" ;; s) command="$command -s $OPTARG" ;; *) exit 1 ;;
esac; done
exec $command -c "${gecos-Linux User,,,}" "$last" """,
    "addgroup": 'if [ "$#" = 1 ]; then exec /usr/sbin/groupadd "$1"; else exec /usr/sbin/usermod -a -G "$2" "$1"; fi',
    "deluser": 'exec /usr/sbin/userdel "$1"',
    "chpasswd": '[ "$*" = -e ] && exec /usr/sbin/chpasswd -e',
    "passwd": '[ "$1" != -l ] || ! grep -q "^$2:!" /etc/shadow || exit 1\nexec /usr/bin/passwd -q "$@"',
}
"""With the options and the refusals of busybox's own, which Debian builds without them."""


def test_with_busybox_alone(shared: Host) -> None:
    """A host of Alpine's kind: busybox, its tools for users, and no others."""
    shared.ssh("mkdir -p /opt/bb && cp /bin/true /opt/bb/sync", check=True)
    busybox = Path("/usr/bin/busybox").resolve().read_bytes()
    shared.path("/opt/bb/busybox").write_bytes(busybox)
    applets = "sh awk cat chmod chown cp cut env false grep id ln ls mkdir mv printf readlink rm sed stat tr uname"
    shared.ssh(f"cd /opt/bb && chmod 755 busybox && for name in {applets}; do ln -s busybox $name; done", check=True)
    for name, text in BUSYBOX_TOOLS.items():
        shared.ssh(f"cat > /opt/bb/{name}; chmod 755 /opt/bb/{name}", stdin=f"#!/bin/sh\n{text}\n", check=True)
    document = {
        "groups": {"bbcrew": ["ann"]},
        "users": [
            {"name": "ann", "gecos": "Ann", "groups": "bbops", "passwd": HASH, "ssh_authorized_keys": [KEY]},
            {"name": "ben", "homedir": "/srv/ben", "shell": "/bin/sh", "primary_group": "bbops"},
            {"name": "cat", "hashed_passwd": HASH, "lock_passwd": False},
        ],
    }
    steps = parse(yaml.safe_dump(document).encode())
    look = "getent passwd ann ben cat | cut -d: -f1,5-;"
    look += " for user in ann ben cat; do id -nG $user; getent shadow $user | cut -d: -f2; done"
    before = ""
    for _ in range(2):
        for step in steps:
            assert isinstance(step, RunCommand)
            done = shared.ssh("PATH=/opt/bb /opt/bb/busybox sh -s", stdin=step.command)
            assert (done.returncode, done.stderr) == (0, ""), step.title
        assert before in ("", shared.ssh(look).stdout)
        before = shared.ssh(look).stdout
    assert before.splitlines() == [
        "ann:Ann:/home/ann:/bin/sh",
        "ben:Linux User,,,:/srv/ben:/bin/sh",
        "cat:Linux User,,,:/home/cat:/bin/sh",
        "ann bbcrew bbops",
        f"!{HASH}",
        "bbops",
        "!",
        "cat",
        HASH,
    ]
    found = shared.ssh("cd /home/ann/.ssh; stat -c '%a %U %n' /home/ann * /srv/ben /home/cat; cat authorized_keys")
    assert found.stdout.splitlines() == [
        "755 ann /home/ann", "600 ann authorized_keys", "755 ben /srv/ben", "755 cat /home/cat", KEY
    ]  # fmt: skip


def test_an_sshd_without_pam_lets_locked_users_in_with_a_key(shared: Host, capra: Capra) -> None:
    """It refuses whoever's password begins with `!`."""
    users = [{"name": "dan", "ssh_authorized_keys": [_public_key(shared)]}, {"name": "ema", "passwd": HASH}]
    shared.ssh("printf 'UsePAM no\\n' > /etc/ssh/sshd_config.d/00-pam.conf && systemctl reload ssh", check=True)
    try:
        found = twice(shared, capra, {"users": users}, "getent shadow dan ema | cut -d: -f2")
        assert found == ["*", f"*{HASH}"]
        assert shared.ssh("id -un", user="dan", check=True).stdout.strip() == "dan"
    finally:
        shared.ssh("rm /etc/ssh/sshd_config.d/00-pam.conf && systemctl reload ssh", user="root", check=True)
    # The lock of that time is known later, too; where no password is behind it there is nothing to unlock.
    users = [{"name": name, "lock_passwd": False} for name in ("dan", "ema")]
    assert twice(shared, capra, {"users": users}, "getent shadow dan ema | cut -d: -f2") == ["*", HASH]


@pytest.fixture
def keys_elsewhere(shared: Host) -> Iterator[None]:
    """sshd looks for keys in a directory of root's, and then in one that users may have made a link of."""
    shared.ssh("cat > /etc/ssh/sshd_config.d/00-keys.conf", stdin="AuthorizedKeysFile /etc/ssh/keys/%u\n", check=True)
    yield
    shared.ssh("rm -r /etc/ssh/sshd_config.d/00-keys.conf /etc/ssh/keys", check=True)


@pytest.mark.usefixtures("keys_elsewhere")
def test_a_file_of_roots_with_keys_stays_roots(shared: Host, capra: Capra) -> None:
    shared.ssh(
        "useradd -m ida; useradd -m ivo; mkdir /etc/ssh/keys && echo '# kept' > /etc/ssh/keys/ida"
        " && chmod 640 /etc/ssh/keys/ida",
        check=True,
    )
    users = [{"name": name, "ssh_authorized_keys": [KEY]} for name in ("ida", "ivo")]
    found = twice(
        shared, capra, {"users": users}, "cd /etc/ssh/keys; stat -c '%a %U %G %n' *; cat ida ivo; ls -A . | wc -l"
    )
    assert found == ["640 root root ida", "600 ivo ivo ivo", "# kept", KEY, KEY, "2"]


def test_no_link_on_the_way_to_keys_is_followed_with_roots_rights(shared: Host) -> None:
    """AuthorizedKeysFile names a directory below one that is the user's, and a link to one of root's."""
    shared.ssh("useradd -m liv; mkdir -p /root/deep/keys; ln -s /root/deep /home/liv/deep", check=True)
    shared.ssh(
        "cat > /etc/ssh/sshd_config.d/00-keys.conf", stdin="AuthorizedKeysFile deep/keys/authorized_keys\n", check=True
    )
    try:
        [_, step] = parse(yaml.safe_dump({"users": [{"name": "liv", "ssh_authorized_keys": [KEY]}]}).encode())
        assert isinstance(step, RunCommand)
        done = shared.ssh("sh -s", stdin=step.command)
    finally:
        shared.ssh("rm /etc/ssh/sshd_config.d/00-keys.conf", check=True)
    assert done.returncode == 1
    assert "/home/liv/deep/keys/authorized_keys cannot be written as the user liv" in done.stderr
    assert shared.ssh("find /root/deep -type f; stat -c %U /root/deep/keys").stdout.split() == ["root"]


@pytest.mark.parametrize("user", [{"hashed_passwd": HASH}, {}, {"lock_passwd": True}])
def test_the_password_that_capra_becomes_root_with_stays(shared: Host, user: dict[str, Any]) -> None:
    shared.ssh(
        "useradd -m pat; echo 'pat:$6$a$b' | chpasswd -e; echo 'pat ALL=(ALL) ALL' > /etc/sudoers.d/pat;"
        " chmod 440 /etc/sudoers.d/pat",
    )
    [step] = parse(yaml.safe_dump({"users": [{"name": "pat", **user}]}).encode())
    assert isinstance(step, RunCommand)
    done = shared.ssh("SUDO_USER=pat sh -s", stdin=step.command)
    assert done.returncode == 1
    assert "the user pat is the one that Capra logs in with, and sudo asks for its password" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert shared.ssh("getent shadow pat | cut -d: -f2").stdout.strip() == "$6$a$b"
    kept = parse(yaml.safe_dump({"users": [{"name": "pat", "lock_passwd": False}]}).encode())
    assert isinstance(kept[0], RunCommand)
    done = shared.ssh("SUDO_USER=pat sh -s", stdin=kept[0].command)
    assert (done.returncode, done.stderr) == (0, "")


def test_rules_of_an_earlier_document_are_replaced(shared: Host, capra: Capra) -> None:
    for rule in ("ALL=(ALL) NOPASSWD: ALL", "ALL=(ALL) NOPASSWD: /bin/true"):
        bootstrapped(shared, capra, {"users": [{"name": "narrow", "sudo": rule}]})
    assert shared.ssh("grep -c ^narrow /etc/sudoers.d/90-cloud-init-users").stdout == "1\n"
    assert shared.ssh("su narrow -c 'sudo -n id'").returncode != 0
    assert shared.ssh("su narrow -c 'sudo -n /bin/true'").returncode == 0


def test_a_user_that_could_not_be_made_leaves_no_mark(shared: Host, capra: Capra) -> None:
    """Somebody may make one of this name by hand, and it stays."""
    document = {"users": [{"name": "later", "groups": "nosuchgroup", "create_groups": False}]}
    attempted(shared, capra, document)
    shared.ssh("groupadd nosuchgroup; useradd -m -u 4242 later; ls /etc/.capra-new-user.later", check=False)
    bootstrapped(shared, capra, document)
    assert shared.ssh("id -u later").stdout == "4242\n"


def test_what_is_no_regular_file_is_not_read(shared: Host, capra: Capra) -> None:
    shared.ssh(
        "useradd -m pipes; cd /home/pipes; mkdir .ssh; mkfifo .ssh/authorized_keys; chown -R pipes .ssh", check=True
    )
    report = attempted(shared, capra, {"users": [{"name": "pipes", "ssh_authorized_keys": [KEY]}]})
    assert "cannot be written as the user pipes" in report["message"]
