"""Client certificates of a kubeconfig on a real TLS connection, and that nothing of them is left behind."""

from __future__ import annotations

import base64
import contextlib
import datetime
import os
import ssl
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from capra.kube.client.errors import UnavailableError
from capra.kube.client.kubeconfig import parse_kubeconfig
from capra.kube.client.resources import NODES
from capra.kube.client.workload import connected
from tests.controlplane import pki

SUBJECT = "Secret ns/c-kubeconfig"


def plain_certificate(directory: Path) -> pki.Certificate:
    """As old tools make them: no key identifiers, no extended usage."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "kubernetes-admin")])
    now = datetime.datetime.now(datetime.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("api.example.org")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = pki.Certificate(directory / "plain.crt", directory / "plain.key")
    files.certificate.write_bytes(built.public_bytes(Encoding.PEM))
    pki.write_key(files.key, key)
    return files


def inline(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def kubeconfig(port: int, files: pki.Certificate, *, client: bool, server_name: str) -> bytes:
    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": inline(files.certificate)}
    if server_name:
        cluster["tls-server-name"] = server_name
    user = {"client-certificate-data": inline(files.certificate), "client-key-data": inline(files.key)}
    text = {
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user if client else {}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    return yaml.safe_dump(text).encode()


async def _nodes(_request: web.Request) -> web.Response:
    return web.json_response({"items": []})


@contextlib.asynccontextmanager
async def _serving(context: ssl.SSLContext) -> AsyncIterator[int]:
    """An API server without a Node, and its port."""
    application = web.Application()
    application.router.add_get("/api/v1/nodes", _nodes)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _lists(content: bytes, *, works: bool) -> None:
    """Whether its Nodes can be listed by this kubeconfig."""
    async with connected(parse_kubeconfig(content, SUBJECT), SUBJECT) as api:
        if works:
            assert await api.list(NODES) == {"items": []}
        else:
            with pytest.raises(UnavailableError):
                await api.list(NODES)


@pytest.mark.parametrize(
    ("client", "server_name", "works"),
    [(True, "api.example.org", True), (False, "api.example.org", False), (True, "", False)],
    ids=["both", "no client certificate", "another server"],
)
async def test_certificates_are_used_from_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: bool, server_name: str, works: bool
) -> None:
    files = plain_certificate(tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    demanding = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files.certificate))
    demanding.verify_mode = ssl.CERT_REQUIRED
    demanding.load_cert_chain(files.certificate, files.key)
    async with _serving(demanding) as port:
        await _lists(kubeconfig(port, files, client=client, server_name=server_name), works=works)
    assert list(scratch.iterdir()) == []
    open_files = [os.readlink(f"/proc/self/fd/{number}") for number in _descriptors()]
    assert not [path for path in open_files if "memfd:capra" in path]


@pytest.mark.parametrize("given", [True, False])
async def test_authorities_of_the_environment_are_trusted_where_a_kubeconfig_names_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    """As docs/guide/install.md says of the ConfigMap `capra-ca`."""
    files = plain_certificate(tmp_path)
    if given:
        monkeypatch.setenv("SSL_CERT_FILE", str(files.certificate))
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(files.certificate, files.key)
    async with _serving(serving) as port:
        raw = yaml.safe_load(kubeconfig(port, files, client=False, server_name="api.example.org"))
        del raw["clusters"][0]["cluster"]["certificate-authority-data"]
        await _lists(yaml.safe_dump(raw).encode(), works=given)


def _descriptors() -> list[str]:
    return [number for number in os.listdir("/proc/self/fd") if Path(f"/proc/self/fd/{number}").is_symlink()]
