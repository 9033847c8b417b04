"""Keys with a passphrase: what ssh-keygen and openssl write is opened, and nobody can make it take long."""

from __future__ import annotations

import base64
import subprocess
import time
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat

from capra.errors import InputError
from capra.model.keys.locked import MAX_ITERATIONS, MAX_ROUNDS
from capra.model.keys.ssh_key import check_key, public_fingerprint

PASSPHRASE = b"correct horse battery"
KEYS: dict[str, PrivateKeyTypes] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP384R1()),
    "rsa": rsa.generate_private_key(65537, 2048),
}


def plain(kind: str) -> str:
    return KEYS[kind].private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def by_openssl(kind: str, tmp_path: Path, *options: str) -> bytes:
    """The key as openssl locks it."""
    file = tmp_path / "plain"
    file.write_bytes(KEYS[kind].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    command = ["openssl", "pkcs8", "-topk8", "-in", str(file), "-passout", f"pass:{PASSPHRASE.decode()}", *options]
    return subprocess.run(command, check=True, capture_output=True).stdout


def by_ssh_keygen(kind: str, tmp_path: Path, *options: str) -> bytes:
    """The key as ssh-keygen locks it."""
    file = tmp_path / "key"
    file.write_text(plain(kind))
    file.chmod(0o600)
    command = ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSPHRASE.decode(), "-f", str(file), *options]
    subprocess.run(command, check=True, capture_output=True)
    return file.read_bytes()


def opened(data: bytes, passphrase: bytes = PASSPHRASE) -> str:
    return check_key(data, subject="Secret ns/key", field="value", passphrase=passphrase).openssh


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("options", [(), ("-Z", "aes256-gcm@openssh.com"), ("-a", "30")], ids=" ".join)
def test_openssh(kind: str, options: tuple[str, ...], tmp_path: Path) -> None:
    found = opened(by_ssh_keygen(kind, tmp_path, *options))
    assert public_fingerprint(found) == public_fingerprint(plain(kind)) != ""


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize(
    "options",
    [(), ("-v2", "aes-128-cbc", "-v2prf", "hmacWithSHA1"), ("-v2", "des3"), ("-v2prf", "hmacWithSHA512")],
    ids=" ".join,
)
def test_pkcs8(kind: str, options: tuple[str, ...], tmp_path: Path) -> None:
    assert public_fingerprint(opened(by_openssl(kind, tmp_path, *options))) == public_fingerprint(plain(kind))


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
@pytest.mark.parametrize("indent", [b"", b"  "])
def test_the_old_form_of_openssl(kind: str, indent: bytes) -> None:
    lock = BestAvailableEncryption(PASSPHRASE)
    data = KEYS[kind].private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, lock)
    assert b"DEK-Info" in data
    dressed = b"".join(indent + line for line in data.splitlines(keepends=True))
    assert public_fingerprint(opened(dressed)) == public_fingerprint(plain(kind))


def refused(data: bytes, passphrase: bytes) -> tuple[str, str]:
    with pytest.raises(InputError) as caught:
        opened(data, passphrase)
    assert PASSPHRASE.decode() not in str(caught.value)
    return caught.value.reason, str(caught.value)


def test_a_wrong_passphrase_and_none_at_all(tmp_path: Path) -> None:
    for data in (by_ssh_keygen("ed25519", tmp_path), by_openssl("ed25519", tmp_path), by_openssl("rsa", tmp_path)):
        reason, said = refused(data, b"another one")
        assert (reason, "Secret ns/key: value: cannot be opened with the passphrase" in said) == (
            "WrongPassphrase",
            True,
        )
        reason, said = refused(data, b"")
        assert (reason, "key 'passphrase' of the Secret" in said) == ("SSHKeyLocked", True)


def test_no_wrong_passphrase_is_told_as_anything_else(tmp_path: Path) -> None:
    """PEM has no check but its padding: by chance a wrong passphrase leaves one that is right."""
    data = by_openssl("rsa", tmp_path, "-iter", "1")
    assert {refused(data, f"wrong {number}".encode())[0] for number in range(600)} == {"WrongPassphrase"}


def test_a_passphrase_that_is_not_needed() -> None:
    assert public_fingerprint(opened(plain("rsa").encode())) == public_fingerprint(plain("rsa"))


def test_a_lock_that_takes_long_is_not_tried(tmp_path: Path) -> None:
    start = time.monotonic()
    iterations = by_openssl("rsa", tmp_path, "-iter", "2000").replace(b"\n", b"")
    assert MAX_ITERATIONS > 2000
    assert opened(iterations)
    held = by_openssl("rsa", tmp_path, "-iter", "1")
    slow = _with_iterations(held, 2**31 - 1)
    reason, said = refused(slow, PASSPHRASE)
    assert (reason, "more rounds than are computed here" in said) == ("InvalidSSHKey", True)
    slow = _with_rounds(by_ssh_keygen("ed25519", tmp_path, "-a", "17"), 17, MAX_ROUNDS + 1)
    assert refused(slow, PASSPHRASE)[0] == "InvalidSSHKey"
    assert time.monotonic() - start < 20


def _decoded(data: bytes) -> tuple[bytes, bytes]:
    lines = data.decode().strip().splitlines()
    return lines[0].encode(), base64.b64decode("".join(lines[1:-1]))


def _encoded(first: bytes, content: bytes) -> bytes:
    return first + b"\n" + base64.encodebytes(content) + first.replace(b"BEGIN", b"END") + b"\n"


def _with_rounds(data: bytes, now: int, rounds: int) -> bytes:
    first, content = _decoded(data)
    changed = content.replace(now.to_bytes(4), rounds.to_bytes(4), 1)
    # The salt's length, 16, comes before; the rounds are the first 17.
    assert changed != content
    return _encoded(first, changed)


def _with_iterations(data: bytes, iterations: int) -> bytes:
    """PBKDF2's parameters with another number, which makes each value around it longer."""
    first, content = _decoded(data)
    number = b"\x02\x01\x01"
    place = content.index(number, content.index(bytes.fromhex("2a864886f70d01050c")))
    wide = b"\x02\x04" + iterations.to_bytes(4)
    grown = len(wide) - len(number)
    changed = bytearray(content[:place] + wide + content[place + len(number) :])
    for start in _around(content, place):
        if content[start + 1] < 0x80:
            changed[start + 1] += grown
        else:
            size = content[start + 1] & 0x7F
            length = int.from_bytes(content[start + 2 : start + 2 + size]) + grown
            changed[start + 2 : start + 2 + size] = length.to_bytes(size)
    return _encoded(first, bytes(changed))


def _around(der: bytes, wanted: int) -> list[int]:
    """Where the sequences begin that hold the place."""
    found, place, end = [], 0, len(der)
    while place < end:
        size = der[place + 1] & 0x7F if der[place + 1] & 0x80 else 0
        length = int.from_bytes(der[place + 2 : place + 2 + size]) if size else der[place + 1]
        start = place + 2 + size
        if start <= wanted < start + length and der[place] == 0x30:
            found.append(place)
            place, end = start, start + length
        else:
            place = start + length
    return found
