"""Passwords with punctuation are hidden wherever commands have them, and what is no password can be read."""

from __future__ import annotations

import random
import re
import shlex
import string
import time
from collections.abc import Callable

import pytest

from capra.bootstrap import RunCommand, WriteFile
from capra.engine.redaction import credentials
from capra.engine.redaction.credentials import credentials_in
from capra.engine.redaction.hidden import hidden_in, hidden_in_text
from capra.engine.redaction.pieces import PIECE
from tests.unit.runs.redaction.test_redact import redactor, shows

QUOTES: list[Callable[[str], str]] = [
    shlex.quote,
    lambda text: '"' + re.sub(r'([$`"\\])', r"\\\1", text) + '"',
    lambda text: re.sub(r"([^A-Za-z0-9_])", r"\\\1", text),
]
COMMANDS: dict[str, Callable[[Callable[[str], str], str], str]] = {
    "chpasswd": lambda quote, password: f"echo {quote(f'root:{password}')} | chpasswd",
    "chpasswd here": lambda quote, password: f"chpasswd <<< {quote(f'root:{password}')}",
    "chpasswd document": lambda _, password: f"chpasswd <<'END'\nroot:{password}\nEND",
    "passwd": lambda quote, password: f"P={quote(password)}; echo $P | passwd --stdin root",
    "redis": lambda quote, password: f"redis-cli -a {quote(password)} ping",
    "sudo": lambda quote, password: f"echo {quote(password)} | sudo -S true",
    "curl URL": lambda quote, password: f"curl {quote(f'https://a:{password}@h/')}",
    "curl -u": lambda quote, password: f"curl -u {quote(f'a:{password}')} https://h/",
    "mysql": lambda quote, password: f"mysql -p{quote(password)} db",
    "mysql quoted": lambda quote, password: f"mysql {quote(f'-p{password}')} db",
    "login": lambda quote, password: f"docker login -u me -p {quote(password)} registry",
    "variable": lambda quote, password: f"DB_PASSWORD={quote(password)} app",
    "shell": lambda quote, password: "sh -c " + shlex.quote(f"redis-cli -a {quote(password)} ping"),
}


@pytest.mark.parametrize("length", [8, 10, 12, 15])
@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_part_of_a_random_password_is_shown(name: str, length: int) -> None:
    choose = random.Random(length)
    for turn in range(60):
        password = "".join(choose.choices(string.ascii_letters + string.digits + string.punctuation, k=length))
        command = COMMANDS[name](QUOTES[turn % len(QUOTES)], password)
        hide = redactor(hidden_in([RunCommand(command)]))
        for told in (command, command[:-3], f"runcmd[0]: {command[:60]}…", f"rejected: {password} there"):
            assert not shows(hide.text(told), password), (command, told)


@pytest.mark.parametrize("password", ["K7#x:Rw!9b", "aB3$xY9!", "$4XU&*8w", "x!9&#$;(=,", "~/aB3$xY", "K7#x:cat,Rw9!"])
@pytest.mark.parametrize("command", ["P='{}'; app $P", "app '{}'", 'echo "{}"'])
def test_mixed_classes_are_secret_wherever_they_stand(command: str, password: str) -> None:
    hide = redactor(hidden_in([RunCommand(command.format(password))]))
    assert not shows(hide.text(f"rejected: {password}"), password)


@pytest.mark.parametrize("password", ["1.2.3.4.5.6", "192.168.1.1", "controller", "v1.34.4", "~/aB3$xY9"])
@pytest.mark.parametrize(
    "command",
    [
        "PGPASSWORD={} psql",
        "echo token={}",
        "redis-cli -a {} ping",
        "echo {} | sudo -S true",
        "P={}; echo $P | passwd --stdin root",
        "printf 'root:%s\\n' {} | chpasswd",
    ],
)
def test_what_is_plain_elsewhere_is_secret_in_a_credential_s_place(command: str, password: str) -> None:
    hide = redactor(hidden_in([RunCommand(command.format(password))]))
    assert not shows(hide.text(f"rejected {password} there"), password)


def test_what_is_no_password_stays_readable() -> None:
    script = (
        "export KUBECONFIG=/etc/kubernetes/admin.conf TOKEN_FILE=/etc/k0s/token PASSWORD=$(cat /etc/secret)\n"
        "mkdir -p /etc/systemd/system && tar -C / -xzf ./install/files.tar.gz; cp -a /opt/files /srv/files\n"
        "mkdir -p -m 700 /root/.ssh; sudo -n true; echo $TOKEN | sudo -S tee -a /etc/hosts\n"
        "curl -L https://registry.example/download/v1.34.4/tool --output=/usr/local/bin/tool\n"
        "crictl pull registry.example/app:1.2.3; ping 192.0.2.10; nc -z 192.0.2.10 6443\n"
        "kubeadm join 192.0.2.10:6443 --config /run/kubeadm/kubeadm-join-config.yaml --ignore-preflight-errors=all\n"
        "k0s install controller --data-dir=/var/lib/k0s --enable-worker; systemctl enable network@eth0.service\n"
    )
    hide = redactor(hidden_in([WriteFile("/opt/run.sh", script.encode(), "0755"), RunCommand("/opt/run.sh")]))
    for said in (
        "cannot read /etc/kubernetes/admin.conf, /etc/k0s/token and /etc/secret",
        "pulling registry.example/app:1.2.3 failed, https://registry.example/download/v1.34.4/tool is not there",
        "192.0.2.10:6443 refused; 192.0.2.10 is unreachable, ./install/files.tar.gz",
        "/run/kubeadm/kubeadm-join-config.yaml: kubeadm join --ignore-preflight-errors=all",
        "k0s install controller --data-dir=/var/lib/k0s --enable-worker network@eth0.service",
    ):
        assert hide.text(said) == said


PIECES = ["-", "$(", "'", '\\"', "-p ", "pass=", "sudo ", "echo a;", "echo x|", "@://a:", "a:", "--user", "pass=$a "]
PIECES += ['pw=""', "-a", ";a=", "pass=$a;a=", "bearer ''", "pw  ", " a", "ab\x0b"]


@pytest.mark.parametrize("piece", PIECES)
def test_no_data_is_slow(piece: str) -> None:
    text = "pass @ " + piece * (200_000 // len(piece))
    started = time.process_time()
    hidden_in_text(text)
    assert time.process_time() - started < 5.0  # 1.3 s at most where nothing else runs


@pytest.mark.parametrize("piece", ['pw=""', "bearer ''", "token: ", "a:b@"])
def test_what_is_found_is_not_many_times_the_text(piece: str) -> None:
    """Each was found with all that stands behind it."""
    text = "pass " + piece * (20_000 // len(piece))
    assert sum(map(len, credentials_in(text))) < 20 * len(text)


def test_there_is_room_for_so_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "ROOM", 100_000)
    text = "".join(f"password=Pw{number:06}x\n" for number in range(5_000))
    found = credentials_in(text)
    assert 500 < len(found) < 2_000
    assert "Pw000000x" in found
    # The others are hidden all the same: they look like passwords.
    assert not shows(redactor(hidden_in([WriteFile("/x", text.encode())])).text("said Pw004999x"), "Pw004999x")


@pytest.mark.parametrize("name", ["redis", "sudo", "variable", "curl URL", "mysql", "passwd"])
def test_a_password_anywhere_in_a_long_line_is_hidden(name: str) -> None:
    password = "controller9"
    command = COMMANDS[name](shlex.quote, password)
    for before in (0, 4_000, *range(PIECE - len(command) - 3, PIECE + 3, 7), 30_000):
        line = "true;" * (before // 5) + " " * (before % 5) + command + ";true" * 5_000
        assert password in credentials_in(line), before
