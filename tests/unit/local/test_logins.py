"""Options and Secrets of files: what a machine is logged in with, and what is told before any host is contacted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from capra.errors import InputError
from capra.local.prepare import InputOptions, PreparedMachine, prepare
from tests.support.ssh_keys import locked_key, new_ssh_key
from tests.unit.local.examples import machine, secret, write
from tests.unit.model.keys.certificates import signed

KEY = new_ssh_key()


def private(tmp_path: Path, name: str, content: str) -> str:
    file = tmp_path / name
    file.write_text(content)
    file.chmod(0o600)
    return str(file)


def one(tmp_path: Path, *documents: dict[str, Any], **options: str) -> PreparedMachine:
    file = write(tmp_path, *documents)
    [found] = prepare(InputOptions((str(file),), **options), need_bootstrap=False).machines.values()  # type: ignore[arg-type]
    return found


def test_a_passphrase_of_the_secret_or_of_a_file(tmp_path: Path) -> None:
    locked = locked_key("open")
    assert one(tmp_path, machine(), secret(value=locked, passphrase="open")).ssh_key
    phrase = private(tmp_path, "phrase", "open\n")
    assert one(tmp_path, machine(), secret(value=locked), ssh_key_passphrase_file=phrase).ssh_key
    file = private(tmp_path, "id", locked)
    assert one(tmp_path, machine(sshKeyRef=None), ssh_key=file, ssh_key_passphrase_file=phrase).ssh_key


def test_a_certificate_of_a_file(tmp_path: Path) -> None:
    certificate = tmp_path / "id-cert.pub"
    certificate.write_bytes(signed(KEY))
    file = private(tmp_path, "id", KEY)
    for options in ({"ssh_key": file}, {}):
        found = one(tmp_path, machine(), secret(value=KEY), ssh_certificate=str(certificate), **options).ssh_key
        assert found is not None
        assert found.certificate is not None


def test_the_password_for_root(tmp_path: Path) -> None:
    spec: dict[str, Any] = {"useSudo": True, "becomeMethod": "doas"}
    beside = one(tmp_path, machine(**spec), secret(value=KEY, becomePassword="beside"))
    assert (beside.become_password, beside.ssh_key and beside.ssh_key.become_password) == ("", "beside")
    assert beside.machine.spec.become_method == "doas"
    spec["becomePasswordRef"] = {"name": "root", "key": "word"}
    documents = (machine(**spec), secret(value=KEY, becomePassword="beside"), secret("root", word="own"))
    assert one(tmp_path, *documents).become_password == "own"
    given = private(tmp_path, "password", "given")
    assert one(tmp_path, *documents, become_password_file=given).become_password == "given"
    # Nobody becomes root: what is wrong there is not looked at.
    assert one(tmp_path, machine(), secret(value=KEY, becomePassword="a\nb")).ssh_key


@pytest.mark.parametrize(
    ("spec", "values", "options", "words"),
    [
        ({}, {"value": locked_key("x")}, {}, "Secret key: value: has a passphrase"),
        ({}, {"value": locked_key("x"), "passphrase": "y"}, {}, "value: cannot be opened with the passphrase"),
        ({}, {"value": KEY, "value-cert.pub": signed(KEY, before=9).decode()}, {}, "'mine' has expired at 1970"),
        (
            {},
            {"value": KEY, "value-cert.pub": signed(KEY, after=int(time.time()) + 9999).decode()},
            {},
            "is valid from",
        ),
        ({}, {"value": KEY}, {"ssh_key_passphrase_file": "absent"}, "--ssh-key-passphrase-file absent: cannot be read"),
        ({}, {"value": KEY}, {"ssh_certificate": "absent"}, "--ssh-certificate absent: cannot be read"),
        (
            {"useSudo": True, "becomePasswordRef": {"name": "root"}},
            {"value": KEY},
            {},
            "spec.becomePasswordRef: Secret root of namespace default is not in the files; or give the password with",
        ),
        ({"becomeMethod": "su"}, {"value": KEY}, {}, "has becomeMethod without useSudo"),
        ({"useSudo": True, "becomeMethod": "pbrun"}, {"value": KEY}, {}, "spec.becomeMethod"),
    ],
)
def test_what_is_wrong(
    spec: dict[str, Any], values: dict[str, str], options: dict[str, str], words: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError) as caught:
        one(tmp_path, machine(**spec), secret(**values), **options)
    assert words in str(caught.value)


def test_a_bastions_secret_has_the_same_parts(tmp_path: Path) -> None:
    """What options say of the host's own key but a passphrase is not the bastion's."""
    bastion = {"address": "b", "sshKeyRef": {"name": "other"}}
    locked = secret("other", value=locked_key("open"), passphrase="open")
    certificate = tmp_path / "id-cert.pub"
    certificate.write_bytes(signed(KEY))
    found = one(tmp_path, machine(bastion=bastion), secret(value=KEY), locked, ssh_certificate=str(certificate))
    [key] = found.bastion_keys
    assert key is not None
    assert (key.openssh != "", key.certificate, key.source) == (True, None, "Secret other")
    with_one = secret("other", **{"value": KEY, "value-cert.pub": signed(KEY).decode()})
    [key] = one(tmp_path, machine(bastion=bastion), secret(value=KEY), with_one).bastion_keys
    assert key is not None
    assert key.certificate is not None
    ended = secret("other", **{"value": KEY, "value-cert.pub": signed(KEY, before=9).decode()})
    with pytest.raises(InputError, match=r"spec\.bastion\.sshKeyRef\.name"):
        one(tmp_path, machine(bastion=bastion), secret(value=KEY), ended)
    with pytest.raises(InputError, match=r"must have the key 'value'"):
        one(tmp_path, machine(bastion=bastion), secret(value=KEY), secret("other", password="word"))
