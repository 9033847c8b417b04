"""What stands in the Secret of `sshKeyRef`, and what is wrong there by the name of the Secret's key."""

from __future__ import annotations

import pytest

from capra.errors import InputError
from capra.model.keys.key_secret import MAX_KEYS, check_password, read_key_secret
from capra.model.keys.ssh_key import public_fingerprint
from capra.model.observation import SSHKey
from tests.support.ssh_keys import locked_key, new_ssh_key
from tests.unit.model.keys.certificates import signed

KEYS = [new_ssh_key() for _ in range(4)]


def read(**values: bytes | str) -> SSHKey | None:
    data = {name: value.encode() if isinstance(value, str) else value for name, value in values.items()}
    return read_key_secret(data, subject="Secret ns/key")


def test_a_plain_key_is_what_it_was() -> None:
    assert read(other=KEYS[0]) is None
    found = read(value=KEYS[0], tls="x")
    assert found == SSHKey(KEYS[0], "Secret ns/key")
    assert found.openssh


def test_keys_are_in_the_order_of_their_numbers() -> None:
    values = {
        "value-10": KEYS[3],
        "value-2": KEYS[2],
        "value": KEYS[0],
        "value-1": KEYS[1],
        "value-x": "no",
        "value-01": "n",
    }
    found = read(**values)
    assert found is not None
    keys = [found.openssh, *(one.openssh for one in found.further)]
    assert [public_fingerprint(one) for one in keys] == [public_fingerprint(one) for one in KEYS]
    assert [one.source for one in found.further] == [f"Secret ns/key: value-{number}" for number in (1, 2, 10)]


def test_passphrases_and_certificates_belong_to_a_key() -> None:
    values = {"value": locked_key("one"), "value-1": locked_key("two"), "value-2": KEYS[2]}
    values |= {"passphrase": "one\n", "passphrase-1": "two"}
    found = read(**values)
    assert found is not None
    assert len(found.further) == 2
    certificate = signed(KEYS[2])
    found = read(**values, **{"value-2-cert.pub": certificate})
    assert found is not None
    assert found.certificate is None
    assert found.further[1].certificate is not None


def test_what_is_given_besides() -> None:
    locked = {"value": locked_key("one").encode()}
    assert read_key_secret(locked, subject="s", passphrase=b"one") is not None
    with pytest.raises(InputError, match="cannot be opened"):  # the Secret's own counts
        read_key_secret({**locked, "passphrase": b"two"}, subject="s", passphrase=b"one")
    found = read_key_secret({"value": KEYS[0].encode()}, subject="s", certificate=signed(KEYS[0]))
    assert found is not None
    assert found.certificate is not None


@pytest.mark.parametrize(
    ("values", "reason", "words"),
    [
        ({"value-1": "no key"}, "InvalidSSHKey", "Secret ns/key: value-1: is not an SSH private key"),
        ({"value-1": locked_key("x")}, "SSHKeyLocked", "Secret ns/key: value-1: has a passphrase"),
        (
            {"value-1": locked_key("x"), "passphrase": "y"},
            "WrongPassphrase",
            "Secret ns/key: value-1: cannot be opened",
        ),
        ({"value-cert.pub": "x"}, "InvalidSSHCertificate", "Secret ns/key: value-cert.pub: is no user certificate"),
        ({"becomePassword": "a\nb"}, "InvalidPassword", "Secret ns/key: becomePassword: must hold the password"),
        ({f"value-{n}": "x" for n in range(1, MAX_KEYS + 1)}, "InvalidSSHKey", "has 6 keys, and at most 5 are tried"),
    ],
)
def test_what_is_wrong_is_told_by_its_name(values: dict[str, str], reason: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(value=KEYS[0], **values)
    assert (caught.value.reason, words in str(caught.value)) == (reason, True), str(caught.value)


def test_a_password_to_log_in_with() -> None:
    found = read(value=KEYS[0], password="word\n")
    assert found is not None
    assert (found.login_password, bool(found.openssh)) == ("word", True)
    alone = read(password="word")
    assert alone is not None
    assert (alone.login_password, alone.value, alone.source) == ("word", "", "Secret ns/key")
    assert "word" not in repr(alone)
    with pytest.raises(InputError, match=r"ns/key: password: must hold the password"):
        read(password="a\nb")


def test_passwords() -> None:
    assert check_password(b"open sesame\r\n", subject="s") == "open sesame"
    for data in (b"", b"\n", b"\xff", b"a\tb", b"x" * 1025):
        with pytest.raises(InputError):
            check_password(data, subject="s")
    found = read(value=KEYS[0], becomePassword="word\n")
    assert found is not None
    assert found.become_password == "word"
    assert "word" not in repr(found)
    assert read_key_secret({"value": KEYS[0].encode(), "becomePassword": b"\xff"}, subject="s", become_password=False)
