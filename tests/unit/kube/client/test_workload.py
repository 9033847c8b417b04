"""Kubeconfigs of workload clusters: what is taken, what is refused, and that nothing of them is told."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from capra.errors import InputError
from capra.kube.client.errors import UnavailableError
from capra.kube.client.kubeconfig import Workload, parse_kubeconfig
from capra.kube.client.resources import NODES
from capra.kube.client.workload import connected
from tests.controlplane import pki
from tests.support.hostile_keys import HOSTILE

SUBJECT = "Secret ns/c-kubeconfig"
TOKEN = "s3cret-t0ken"
SERVER = "https://192.0.2.1:6443"


PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"

Given = Mapping[str, Any]


def kubeconfig(cluster: Given | None = None, user: Given | None = None, top: Given | None = None) -> bytes:
    """One that is right but for what is given."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": "other", "cluster": {"server": "https://192.0.2.99:6443"}},
            {"name": "c", "cluster": {"server": SERVER} | dict(cluster or {})},
        ],
        "users": [{"name": "u", "user": {"token": TOKEN} | dict(user or {})}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    return yaml.safe_dump(config | dict(top or {})).encode()


def encoded(text: str | bytes) -> str:
    return base64.encodebytes(text if isinstance(text, bytes) else text.encode()).decode()


def test_everything_inline_is_taken() -> None:
    cluster = {
        "server": f"{SERVER}/",
        "certificate-authority-data": encoded("authority" * 20),
        "tls-server-name": "api.example.org",
        "proxy-url": "http://192.0.2.3:3128",
        "extensions": [{"name": "of somebody", "extension": {"any": "thing"}}],
    }
    user = {"client-certificate-data": encoded("certificate"), "client-key-data": encoded("key")}
    assert parse_kubeconfig(kubeconfig(cluster, user), SUBJECT) == Workload(
        server=SERVER,
        authority="authority" * 20,
        certificate=b"certificate",
        key=b"key",
        token=TOKEN,
        server_name="api.example.org",
        proxy="http://192.0.2.3:3128",
    )


@pytest.mark.parametrize("password", ["secret", "p%40ss", "p@ss", "p:ss"])
def test_the_password_of_a_proxy(password: str) -> None:
    proxy = f"http://user:{password}@192.0.2.3:3128"
    assert parse_kubeconfig(kubeconfig({"proxy-url": proxy}), SUBJECT).proxy == proxy


@pytest.mark.parametrize(("given", "verify"), [(True, False), (False, True), (None, True), ("true", True)])
def test_certificates_are_verified_unless_it_says_otherwise(given: object, verify: bool) -> None:
    assert parse_kubeconfig(kubeconfig({"insecure-skip-tls-verify": given}), SUBJECT).verify is verify


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (kubeconfig(user={"exec": {"command": "aws"}}), "user.exec: is not accepted: programs are not run"),
        (kubeconfig(user={"auth-provider": {"name": "gcp"}}), "user.auth-provider: is not accepted"),
        (kubeconfig(user={"client-certificate": "/etc/x"}), "user.client-certificate: is not accepted: files are not"),
        (kubeconfig(user={"client-key": "/etc/x"}), "user.client-key: is not accepted: files are not read"),
        (kubeconfig(user={"tokenFile": "/var/run/x"}), "user.tokenFile: is not accepted: files are not read"),
        (kubeconfig(user={"as": "somebody"}), "user.as: is not accepted"),
        (kubeconfig(user={"password": TOKEN}), "user.password: is not accepted"),
        (kubeconfig(user={"token": [TOKEN]}), "user.token: must be a text in one line"),
        (kubeconfig(user={"token": f"{TOKEN}\nX: y"}), "user.token: must be a text in one line"),
        (kubeconfig(user={"client-key-data": "%"}), "user.client-key-data: must be base64"),
        (kubeconfig({"certificate-authority": "/etc/x"}), "cluster.certificate-authority: is not accepted"),
        (kubeconfig({"certificate-authority-data": 7}), "cluster.certificate-authority-data: must be base64"),
        (kubeconfig({"server": "http://192.0.2.1"}), "cluster.server: must begin with https://"),
        (kubeconfig({"server": f"https://u:{TOKEN}@192.0.2.1"}), "cluster.server: must not hold a user or a password"),
        (kubeconfig({"server": "https://["}), "cluster.server: must be a URL with a host"),
        (kubeconfig({"server": "https://a:999999"}), "cluster.server: must be a URL with a host"),
        (kubeconfig({"proxy-url": f"http://u:{TOKEN}@a:999999"}), "cluster.proxy-url: must be a URL with a host"),
        (kubeconfig({"proxy-url": f"http://u:1/{TOKEN}@a"}), "cluster.proxy-url: has a user or a password with char"),
        (kubeconfig({"proxy-url": f"http://u:x {TOKEN}@a"}), "cluster.proxy-url: has a user or a password with char"),
        (kubeconfig({"tls-server-name": ".x"}), "cluster.tls-server-name: must be"),
        (kubeconfig({"tls-server-name": "a" * 300}), "cluster.tls-server-name: must be"),
        (kubeconfig({"server": ""}), "cluster.server: must begin with https://"),
        (kubeconfig({"proxy-url": "socks5://192.0.2.1"}), "cluster.proxy-url: must begin with http"),
        (kubeconfig(top={"current-context": "y"}), "contexts: has no context of the name that is referred to"),
        (kubeconfig(top={"users": []}), "users: has no user of the name"),
        (kubeconfig(top={"users": [{"name": "u"}]}), "users: has no user of the name"),
        (kubeconfig(top={"clusters": {"name": "c"}}), "clusters: has no cluster of the name"),
        (b"", "must be a mapping with clusters, users and contexts, but is empty"),
        (b"token: [" + TOKEN.encode(), "is not valid YAML"),
        (b"- " + TOKEN.encode(), "but is a list"),
        (b"\xff", "is not UTF-8"),
        (b"[" * 100_000, "nested deeper"),
        (b"x" * 300_000, "is 300000 bytes long"),
    ],
)
def test_what_cannot_be_used_is_named_but_not_told(text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse_kubeconfig(text, SUBJECT)
    assert str(caught.value).startswith(SUBJECT)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("workload", "message"),
    [
        (Workload(SERVER, certificate=b"x"), "needs client-certificate-data and client-key-data, or none"),
        (Workload(SERVER, certificate=b"x", key=b"y"), "client-key-data: must be a private key in PEM"),
        (Workload(SERVER, authority="s3cret"), "certificates: cannot be read"),
        (Workload(SERVER, authority="s3cret\ufffd"), "certificates: cannot be read"),
    ],
)
async def test_certificates_that_are_none_are_named(workload: Workload, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        async with connected(workload, SUBJECT):
            pass
    assert "s3cret" not in str(caught.value)


async def test_an_encrypted_key_is_refused_before_a_password_is_asked_for() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"word"))
    with pytest.raises(InputError, match="without a password"):
        async with connected(Workload(SERVER, certificate=b"x", key=encrypted), SUBJECT):
            pass


async def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    one, other = pki.self_signed(tmp_path, "one"), pki.self_signed(tmp_path, "other")
    workload = Workload(SERVER, certificate=one.certificate.read_bytes(), key=other.key.read_bytes())
    with pytest.raises(InputError, match="do not belong together"):
        async with connected(workload, SUBJECT):
            pass


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize("before", ["", PARAMETERS])
async def test_a_key_of_its_certificate_is_taken(tmp_path: Path, form: PrivateFormat, before: str) -> None:
    one = pki.self_signed(tmp_path, "one")
    key = load_pem_private_key(one.key.read_bytes(), None).private_bytes(Encoding.PEM, form, NoEncryption())
    workload = Workload(SERVER, certificate=one.certificate.read_bytes(), key=before.encode() + key)
    async with connected(workload, SUBJECT):
        pass


@pytest.mark.parametrize("name", HOSTILE)
async def test_no_key_takes_long(name: str) -> None:
    started = time.process_time()
    with pytest.raises(InputError, match="client-key-data: must be a private key in PEM"):
        async with connected(Workload(SERVER, certificate=b"x", key=HOSTILE[name].encode()), SUBJECT):
            pass
    assert time.process_time() - started < 2.0


async def test_a_key_for_one_kind_of_signature_is_not_taken_for_another() -> None:
    """RSASSA-PSS (RFC 4055): written anew it is plain RSA, which does not fit its certificate."""
    key = rsa.generate_private_key(65537, 2048)
    plain = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    rsa_oid, pss_oid = bytes.fromhex("2a864886f70d010101"), bytes.fromhex("2a864886f70d01010a")
    for content, problem in (
        (plain, "certificates: cannot be read"),
        (plain.replace(rsa_oid, pss_oid), "must be a private"),
    ):
        pem = f"-----BEGIN PRIVATE KEY-----\n{encoded(content)}-----END PRIVATE KEY-----\n".encode()
        with pytest.raises(InputError, match=problem):
            async with connected(Workload(SERVER, certificate=b"x", key=pem), SUBJECT):
                pass


@pytest.mark.parametrize(
    ("answers", "problem"),
    [(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "407"), (b"", "GET /api/v1/nodes")],
)
async def test_the_password_of_a_proxy_is_not_told(answers: bytes, problem: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answers)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    data = kubeconfig({"proxy-url": f"http://user:{TOKEN}@127.0.0.1:{port}"})
    async with server, connected(parse_kubeconfig(data, SUBJECT), SUBJECT) as api:
        with pytest.raises(UnavailableError, match=problem) as caught:
            await api.list(NODES)
    assert TOKEN not in str(caught.value)
    assert "user" not in str(caught.value)
