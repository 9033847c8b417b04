"""The first words of a command in a title: what is shown, and what never is."""

from __future__ import annotations

import pytest

from capra.bootstrap.steps import RunCommand, WriteFile
from capra.engine.redaction.excerpt import LENGTH, excerpt, titled, without_shown
from capra.engine.redaction.hidden import hidden_in
from capra.model.run import RunSecrets
from capra.runs.redaction.redact import Redactor
from tests.unit.engine.examples import TOKEN


@pytest.mark.parametrize(
    ("command", "shown"),
    [
        ("apt-get install foo", "apt-get install foo"),
        ("'apt-get' 'install' 'foo'", "apt-get install foo"),
        ("mkdir -p /etc/kubernetes", "mkdir -p /etc/kubernetes"),
        ("# first\nset -x\nk0s start\n", "k0s start …"),
        ("k0s start\nk0s status", "k0s start …"),
        ("", ""),
        ("# nothing", ""),
        # Up to a word that is, or announces, a secret.
        (f"kubeadm join {TOKEN}", "kubeadm join …"),
        ("kubeadm join --token install", "kubeadm join …"),
        ("k0s install worker --token-file /etc/k0s.token", "k0s install worker …"),
        ("mysql -u root -proot", "mysql …"),
        ("useradd -p install user", "useradd …"),
        ("server -k install", "server …"),
        ("server https://user:install@example.org", "server …"),
        ("server $INSTALL", "server …"),
        ("export SERVER=install", "export …"),
        # What is told to a program.
        ("echo install | passwd --stdin root", "echo …"),
        ("echo install | cat", "echo …"),
        ("printf install > /etc/file", "printf …"),
        ("curl --user install https://example.org", "curl …"),
        ("cat <<END\ninstall\nEND", "cat …"),
        # Any word of a program that nobody knows.
        ("register-node --pin 12345", "register-node …"),
        ("wpa_cli set psk green-table", "wpa_cli …"),
        ("/bin/echo green-table > /etc/pin", "/bin/echo …"),
        ("sudo apt-get install foo", "sudo …"),
        # Nothing that is known to be a program.
        ("x7kq9zQpw", ""),
        ("INSTALL=package server", ""),
        ("$(install)", ""),
    ],
)
def test_the_first_words(command: str, shown: str) -> None:
    assert excerpt(command) == shown


def test_long_commands_are_cut_between_words() -> None:
    shown = excerpt("install " * 20)
    assert shown == "install install install install install install install …"
    assert len(shown.removesuffix(" …")) <= LENGTH


def test_titles() -> None:
    assert titled(RunCommand("k0s start", "runcmd[0]")).title == "run runcmd[0]: k0s start"
    assert titled(RunCommand(TOKEN, "runcmd[0]")).title == "run runcmd[0]"
    for step in (RunCommand("k0s start", name="Capra's own"), WriteFile("/f", b"install")):
        assert titled(step) is step


def test_a_command_that_is_shown_whole_is_not_hidden_in_its_own_title() -> None:
    shown, cut = RunCommand("apt-get install foo", "runcmd[0]"), RunCommand("server install; server start", "runcmd[1]")
    secret = RunCommand(f"k0s token {TOKEN}", "runcmd[2]")
    steps = [shown, cut, secret]
    hidden = without_shown(hidden_in(steps), steps)
    redactor = Redactor.of(
        RunSecrets(hidden=tuple(hidden.parts), credentials=tuple(hidden.credentials), wholes=tuple(hidden.wholes))
    )
    assert redactor.text(titled(shown).title) == "run runcmd[0]: apt-get install foo"
    assert redactor.text(titled(secret).title) == "run runcmd[2]: k0s …"
    assert TOKEN not in redactor.text(f"k0s: bad token {TOKEN}")
    assert secret.command in hidden.wholes
