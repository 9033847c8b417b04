"""SSH keys that can be used without a person, and those that cannot."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from capra.errors import InputError
from capra.local.reading.keys import read_key_file
from capra.model.keys.ssh_key import MAX_BYTES, check_key
from tests.unit.local.examples import private_key, public_key, write_text


def _pem(form: serialization.PrivateFormat, passphrase: bytes = b"") -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    how = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, how).decode()


@pytest.mark.parametrize(
    "text",
    [
        private_key(),
        private_key().replace("\n", "\r\n"),
        private_key().rstrip("\n"),
        f"\n{private_key()}\n\n",
    ],
    ids=["as-written", "crlf", "without-a-final-newline", "space-around"],
)
def test_a_key_is_put_into_its_form(text: str) -> None:
    assert check_key(text.encode(), subject="key").value == private_key()


@pytest.mark.parametrize("form", [serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL])
def test_pem_keys(form: serialization.PrivateFormat) -> None:
    text = _pem(form)

    assert check_key(text.encode(), subject="key").value == text


def test_rsa_key() -> None:
    key = rsa.generate_private_key(65537, 2048)
    data = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )

    assert check_key(data, subject="key").value == data.decode()


DAMAGED = "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", "c2VjcmV0", "-----END OPENSSH PRIVATE KEY-----"])


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b"\xff\xfe\x00", "is binary", id="binary"),
        pytest.param(b"hunter2", "must begin with '-----BEGIN", id="a-word"),
        pytest.param(public_key().encode(), "is a public key", id="public"),
        pytest.param(b"-----BEGIN PUBLIC KEY-----\nAA==\n", "is a public key", id="public-pem"),
        pytest.param(b"-----BEGIN CERTIFICATE-----\nAA==\n", "is not an SSH private key", id="certificate"),
        pytest.param(b"PuTTY-User-Key-File-3: ssh-ed25519\n", "is a PuTTY key", id="putty"),
        pytest.param(
            _pem(serialization.PrivateFormat.PKCS8, b"open sesame").encode(), "has a passphrase", id="passphrase-pkcs8"
        ),
        pytest.param(
            _pem(serialization.PrivateFormat.TraditionalOpenSSL, b"open sesame").encode(),
            "has a passphrase",
            id="passphrase-traditional",
        ),
        pytest.param(DAMAGED.encode(), "is damaged", id="damaged"),
        pytest.param(private_key()[:200].encode(), "is damaged", id="cut-off"),
    ],
)
def test_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        check_key(data, subject="machine.yaml: document 2", field="value")

    assert str(caught.value).startswith("machine.yaml: document 2: value: ")
    assert "hunter2" not in str(caught.value)


def test_a_passphrase_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-N", "open sesame", "-f", path], check=True)

    with pytest.raises(InputError, match=r"has a passphrase.*ssh-keygen -p"):
        read_key_file(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = write_text(tmp_path, private_key(), "id", mode)

    with pytest.raises(InputError, match=f"mode {mode:04o}.*chmod 600 {path}"):
        read_key_file(Path(path))


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_private_file_is_fine(tmp_path: Path, mode: int) -> None:
    path = write_text(tmp_path, private_key(), "id", mode)

    key = read_key_file(Path(path))

    assert (key.value, key.source) == (private_key(), path)
    assert "PRIVATE" not in repr(key)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"--ssh-key .*absent: cannot be read: No such file"):
        read_key_file(tmp_path / "absent")
    with pytest.raises(InputError, match="cannot be read: Is a directory"):
        read_key_file(tmp_path)
    with pytest.raises(InputError, match="is larger than"):
        read_key_file(Path(write_text(tmp_path, b"x" * (MAX_BYTES + 1), "large")))
