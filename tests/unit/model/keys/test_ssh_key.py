"""Keys in every dress in which they come: OpenSSH reads what Capra hands it, and neither form is ever shown."""

from __future__ import annotations

import base64
import codecs
import contextlib
import json
import random
import string
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from capra.errors import InputError
from capra.model.keys.host_key import fingerprint
from capra.model.keys.ssh_key import check_key, public_fingerprint
from capra.model.run import RunSecrets
from capra.runs.redaction.redact import Redactor
from tests.support.hostile_keys import HOSTILE, rsa_pem
from tests.unit.local.examples import private_key, public_key

RSA = rsa.generate_private_key(65537, 2048)
KEYS: dict[str, PrivateKeyTypes] = {
    "ed25519": ed25519.Ed25519PrivateKey.generate(),
    "ecdsa": ec.generate_private_key(ec.SECP384R1()),
    "rsa": RSA,
}
FORMS = {
    "openssh": PrivateFormat.OpenSSH,
    "pkcs8": PrivateFormat.PKCS8,
    "traditional": PrivateFormat.TraditionalOpenSSL,
}


def pem(kind: str, form: str) -> str:
    """One of the keys."""
    return KEYS[kind].private_bytes(Encoding.PEM, FORMS[form], NoEncryption()).decode()


def public(kind: str) -> str:
    """Its public half, as OpenSSH writes it."""
    return KEYS[kind].public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def indented(text: str, by: str = "  ") -> str:
    return "".join(f"{by}{line}\n" for line in text.splitlines())


DRESSES: dict[str, Callable[[str], bytes]] = {
    "bare": lambda text: text.encode(),
    "byte order mark": lambda text: codecs.BOM_UTF8 + text.encode(),
    "PowerShell's UTF-16": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "indented": lambda text: indented(text).encode(),
    "indented by tabs": lambda text: indented(text, "\t").encode(),
    "folded by YAML": lambda text: " ".join(text.split("\n")).encode(),
    "newlines written out": lambda text: text.replace("\n", "\\n").encode(),
    "blanks at line ends": lambda text: text.replace("\n", "  \n").encode(),
    "empty lines": lambda text: text.replace("\n", "\n\n").encode(),
    "no-break spaces": lambda text: text.replace("\n", "\u00a0\n").encode(),
    "bag attributes": lambda text: f"Bag Attributes\n    localKeyID: 01 02\nKey Attributes: <No>\n{text}".encode(),
    "parameters before": lambda text: (
        f"-----BEGIN EC PARAMETERS-----\nBgUrgQQAIg==\n-----END EC PARAMETERS-----\n{text}".encode()
    ),
    "public key behind": lambda text: f"{text}\n{public('rsa')} someone@somewhere\n".encode(),
    "certificate behind": lambda text: f"{text}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".encode(),
    "words around": lambda text: f"The key of the hosts:\n\n{text}\nKeep it.\n".encode(),
}


@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize(
    ("kind", "form"),
    [(kind, form) for kind in KEYS for form in FORMS if (kind, form) != ("ed25519", "traditional")],
)
def test_openssh_reads_what_it_is_handed(kind: str, form: str, dress: str, tmp_path: Path) -> None:
    key = check_key(DRESSES[dress](pem(kind, form)), subject="key")
    file = tmp_path / "key"
    file.write_text(key.openssh)
    file.chmod(0o600)
    done = subprocess.run(["ssh-keygen", "-y", "-f", file], capture_output=True, text=True, check=False)
    assert (done.returncode, " ".join(done.stdout.split()[:2])) == (0, public(kind)), done.stderr


@pytest.mark.parametrize("dress", ["bare", "indented", "folded by YAML", "newlines written out", "crlf"])
@pytest.mark.parametrize("form", ["openssh", "pkcs8"])
def test_both_forms_are_hidden(form: str, dress: str) -> None:
    key = check_key(DRESSES[dress](pem("ed25519", form)), subject="key")
    redactor = Redactor.of(RunSecrets(ssh_key=key.value, openssh_key=key.openssh))
    assert key.value != key.openssh
    for shown in (key.value, key.openssh):
        body = [word for word in shown.replace("\\n", "\n").split() if len(word) > 20 and "-----" not in word]
        assert body
        for word in body:
            assert word not in redactor.text(f"what a host said: {word}")
            assert word not in redactor.text(json.dumps({"msg": shown}))


REFUSED = {
    "two keys": (pem("rsa", "pkcs8") + pem("ecdsa", "pkcs8"), "holds 2 private keys"),
    "base64 of a key": (base64.b64encode(pem("rsa", "openssh").encode()).decode(), "encoded once too often"),
    "base64 in lines": (base64.encodebytes(pem("rsa", "openssh").encode()).decode(), "encoded once too often"),
    "a file's name": ("~/.ssh/id_ed25519", "give the content of the file"),
    "no end": (pem("rsa", "pkcs8")[:-20], "'-----END … PRIVATE KEY-----' is missing"),
    "a character lost": (pem("rsa", "openssh")[:300] + pem("rsa", "openssh")[301:], "is damaged"),
    "ssh.com": ("---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nAAAA\n---- END", "ssh-keygen -i"),
    "putty with a mark": ("\ufeffPuTTY-User-Key-File-3: ssh-ed25519\n", "puttygen"),
    "a public key, indented": (f"  {public('rsa')}", "is a public key"),
    "a curve that SSH has not": (
        ec.generate_private_key(ec.SECP256K1())
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode(),
        "not supported",
    ),
    "a kind that SSH has not": (
        ed448.Ed448PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "not supported",
    ),
    "dsa": (
        dsa.generate_private_key(1024).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "is a DSA key",
    ),
    "a book": ("-----BEGIN A PRIVATE KEY-----" * 4000, "is larger than"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_said(name: str) -> None:
    text, problem = REFUSED[name]
    with pytest.raises(InputError, match=problem) as caught:
        check_key(text.encode(), subject="Secret a/key")
    assert str(caught.value).startswith("Secret a/key: ")
    assert not [word for word in text.split() if len(word) > 30 and word in str(caught.value)]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_der_is_told_from_other_bytes() -> None:
    der = KEYS["rsa"].private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(InputError, match="openssl pkey -inform DER"):
        check_key(der, subject="key")


@pytest.mark.parametrize("name", HOSTILE)
def test_no_key_takes_long(name: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError):
        check_key(HOSTILE[name].encode(), subject="key")
    assert time.process_time() - started < 2.0


@pytest.mark.parametrize(
    ("number", "form"),
    [
        *((number, form) for number in ("n", "e", "d", "p", "q", "iqmp") for form in FORMS),
        *((number, form) for number in ("dmp1", "dmq1") for form in ("pkcs8", "traditional")),  # OpenSSH keeps neither
    ],
)
def test_a_damaged_number_is_told(number: str, form: str) -> None:
    of = RSA.private_numbers()
    right = getattr(of.public_numbers if number in "ne" else of, number)
    length = (right.bit_length() + 7) // 8
    first, *lines, last = pem("rsa", form).splitlines()
    content = base64.b64decode("".join(lines)).replace(right.to_bytes(length), (right ^ 2).to_bytes(length))
    text = f"{first}\n{base64.b64encode(content).decode()}\n{last}\n"
    with pytest.raises(InputError, match="is damaged"):
        check_key(text.encode(), subject="key")


@pytest.mark.parametrize(("kind", "form"), [("rsa", "traditional"), ("ecdsa", "pkcs8"), ("ed25519", "openssh")])
def test_no_change_of_a_key_is_any_other_error(kind: str, form: str) -> None:
    text = pem(kind, form)
    choose = random.Random(6)
    for _ in range(300):
        place = choose.randrange(len(text))
        changed = text[:place] + choose.choice(string.printable) * choose.choice([0, 1, 4]) + text[place + 1 :]
        with contextlib.suppress(InputError):
            check_key(changed.encode(), subject="key")


def test_the_longest_key_of_openssh_is_taken() -> None:
    text = rsa_pem(2**4253 - 1, 2**4423 - 1)
    assert check_key(text.encode(), subject="key").openssh.startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
    with pytest.raises(InputError, match="is an RSA key of more than 16384 bits, too long for OpenSSH"):
        check_key(rsa_pem(2**9689 - 1, 2**9941 - 1).encode(), subject="key")


def test_the_fingerprint_is_that_of_the_public_half() -> None:
    assert public_fingerprint(private_key()) == fingerprint(public_key())
    assert public_fingerprint("") == public_fingerprint("-----BEGIN OPENSSH PRIVATE KEY-----") == ""


@pytest.mark.parametrize(
    "text",
    ["…", "...", "<your key>", "<PRIVATE KEY>", "REPLACE_ME", "changeme", "paste your key", "$KEY", "[...]"],
)
def test_the_placeholder_of_an_example_is_told(text: str) -> None:
    example = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n"
    for given in (text, example):
        with pytest.raises(InputError, match="Secret ssh-key: value: is still the placeholder of an example: put"):
            check_key(given.encode(), subject="Secret ssh-key", field="value")


def test_the_shipped_example_says_that_its_key_is_none() -> None:
    path = Path(__file__).parents[4] / "docs" / "examples" / "ssh-key.yaml"
    value = yaml.safe_load(path.read_text())["stringData"]["value"]
    with pytest.raises(InputError, match="is still the placeholder of an example"):
        check_key(value.encode(), subject="Secret ssh-key", field="value")
