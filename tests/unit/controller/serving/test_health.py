"""Probes and metrics over real connections."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509

from capra.cli.shared.remote_logs import LogServer
from capra.controller.serving.access import Access
from capra.controller.serving.health import Status, serving_diagnostics, serving_probes
from capra.controller.serving.metrics import Metrics
from capra.errors import Fatal, InputError, Retry
from capra.kube.client.reviews import Verdict
from capra.model.machine import MachineKey
from capra.runs.kept.kept_run import KeptRun
from capra.runs.kept.kept_runs import KeptRuns
from capra.settings import ControllerSettings, ListenAddress, TlsVersion
from capra.settings.values import KeepLimits

HERE = ListenAddress("127.0.0.1", 0)


def unverified() -> ssl.SSLContext:
    """A client that takes any certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


async def get(url: str, **headers: str) -> tuple[int, str, Mapping[str, str]]:
    """Status, body and headers."""
    connector = aiohttp.TCPConnector(ssl=unverified(), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text(), answer.headers


async def review(token: str, path: str) -> Verdict:
    """Each token is named after its verdict; any other has none."""
    assert path == "/metrics"
    if token not in set(Verdict.__members__):
        raise Retry("the API server cannot be asked")
    return Verdict[token]


@asynccontextmanager
async def metrics_at(settings: ControllerSettings | None = None) -> AsyncIterator[str]:
    """The address of the metrics, with one decision counted."""
    metrics = Metrics()
    metrics.decisions.labels("Bootstrap").inc()
    async with serving_diagnostics(settings or ControllerSettings(), HERE, metrics, Access(review)) as place:
        yield f"127.0.0.1:{place.port}/metrics"


async def test_probes_say_what_the_status_says() -> None:
    status = Status()
    async with serving_probes(HERE, status) as place:
        url = f"http://127.0.0.1:{place.port}"
        assert place.port
        assert (await get(f"{url}/healthz"))[:2] == (200, "ok\n")
        assert (await get(f"{url}/readyz"))[:2] == (503, "no\n")
        status.ready = lambda: True
        assert (await get(f"{url}/readyz"))[0] == 200
        status.alive = lambda: False
        assert (await get(f"{url}/healthz"))[0] == 500
        assert (await get(f"{url}/metrics"))[0] == 404


async def test_probes_end_with_their_context() -> None:
    async with serving_probes(HERE, Status()) as place:
        pass
    with pytest.raises(aiohttp.ClientConnectorError):
        await get(f"http://127.0.0.1:{place.port}/healthz")


async def test_a_port_that_is_taken_is_named() -> None:
    async with serving_probes(HERE, Status()) as place:
        with pytest.raises(Fatal, match=rf"cannot listen on 127\.0\.0\.1:{place.port}: .*in use"):
            async with serving_probes(ListenAddress("127.0.0.1", place.port), Status()):
                pass


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer ALLOWED"}, 200),
        ({"Authorization": "Bearer UNKNOWN"}, 401),
        ({"Authorization": "Bearer FORBIDDEN"}, 403),
        ({"Authorization": "Bearer nobody-knows"}, 503),
        ({"Authorization": "Basic ALLOWED"}, 401),
        ({}, 401),
    ],
)
async def test_metrics_are_for_those_who_may_read_them(headers: dict[str, str], status: int) -> None:
    async with metrics_at() as place:
        answered, body, _ = await get(f"https://{place}", **headers)
    assert answered == status
    assert ("capra_decisions_total" in body) == (status == 200)


async def test_a_token_that_is_no_text_is_unknown() -> None:
    async with metrics_at() as place:
        port = int(place.partition(":")[2].partition("/")[0])
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=unverified())
        writer.write(b"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer \xff\xfe\r\nConnection: close\r\n\r\n")
        assert (await reader.readline()).startswith(b"HTTP/1.1 401 ")
        writer.close()
        await writer.wait_closed()


async def test_metrics_are_never_served_over_plain_http() -> None:
    async with metrics_at() as place:
        with pytest.raises(aiohttp.ClientError):
            await get(f"http://{place}", Authorization="Bearer ALLOWED")


async def test_insecure_metrics_are_for_all() -> None:
    async with metrics_at(ControllerSettings(insecure_diagnostics=True)) as place:
        status, body, headers = await get(f"http://{place}")
    assert status == 200
    assert 'capra_decisions_total{decision="Bootstrap"} 1.0' in body
    assert headers["Content-Type"].startswith("text/plain")


async def test_the_format_is_what_the_client_asks_for() -> None:
    async with metrics_at(ControllerSettings(insecure_diagnostics=True)) as place:
        _, body, headers = await get(f"http://{place}", Accept="application/openmetrics-text; version=1.0.0")
    assert headers["Content-Type"].startswith("application/openmetrics-text")
    assert body.endswith("# EOF\n")


def handshake(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = unverified()
    # Python warns of the versions that are too old, which are meant here.
    context.minimum_version = context.maximum_version = version
    return context


@pytest.mark.parametrize(
    ("minimum", "offered", "works"),
    [
        (TlsVersion.TLS12, ssl.TLSVersion.TLSv1_2, True),
        (TlsVersion.TLS12, ssl.TLSVersion.TLSv1_3, True),
        (TlsVersion.TLS13, ssl.TLSVersion.TLSv1_2, False),
        (TlsVersion.TLS13, ssl.TLSVersion.TLSv1_3, True),
    ],
)
async def test_the_least_version_of_tls(minimum: TlsVersion, offered: ssl.TLSVersion, works: bool) -> None:
    async with metrics_at(ControllerSettings(tls_min_version=minimum)) as place:
        connector = aiohttp.TCPConnector(ssl=handshake(offered), force_close=True)
        async with aiohttp.ClientSession(connector=connector) as session:
            if works:
                async with session.get(f"https://{place}") as answer:
                    assert answer.status == 401
            else:
                with pytest.raises(aiohttp.ClientConnectorError):
                    await session.get(f"https://{place}")


async def test_the_certificate_is_made_anew_and_signed_by_itself() -> None:
    certificates = []
    for _ in range(2):
        async with metrics_at() as place:
            port = int(place.partition(":")[2].partition("/")[0])
            _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=unverified())
            certificate = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
            certificates.append(x509.load_der_x509_certificate(certificate))
            writer.close()
            await writer.wait_closed()
    first, second = certificates
    assert first.subject == first.issuer
    first.verify_directly_issued_by(first)
    assert first.public_key() != second.public_key()
    names = first.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)


async def _reviewed(token: str, path: str) -> Verdict:
    """Alice may read what is of team-a."""
    if token != "alice":
        return Verdict.UNKNOWN
    return Verdict.ALLOWED if path.startswith("/logs/team-a/") else Verdict.FORBIDDEN


async def test_the_output_of_runs_is_for_those_who_may_read_the_path(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path, KeepLimits(), lambda: 3000.0)
    for kind in ("RemoteMachine", "PooledRemoteMachine"):
        run = KeptRun(kept.new_name("bootstrap", 0.0), kind, "team-a", "node-0", "bootstrap", 0.0, 1.0)
        kept.write(run)
    alice = {"Authorization": "Bearer alice"}
    async with serving_diagnostics(ControllerSettings(), HERE, Metrics(), Access(_reviewed), kept) as place:
        url = f"https://127.0.0.1:{place.port}/logs"
        status, body, _ = await get(f"{url}/team-a/node-0", **alice)
        told = json.loads(body)
        assert (status, told["run"]["kind"], len(told["runs"])) == (200, "RemoteMachine", 1)
        assert (await get(f"{url}/team-a/node-0/{told['runs'][0]}", **alice))[0] == 200
        status, body, _ = await get(f"{url}/team-a/node-0?of=entry", **alice)
        assert (status, json.loads(body)["run"]["name"]) == (200, run.name)
        for path, wanted in {
            "team-a/node-9": 404,
            "team-a/node-0/..": 404,
            "team-a/node-0/%2e%2e%2fx": 404,
            "team-b/node-0": 403,
            "team-a/node-0?of=x": 400,
        }.items():
            assert (await get(f"{url}/{path}", **alice))[0] == wanted, path
        assert (await get(f"{url}/team-a/node-0"))[0] == 401
    open_to_all = ControllerSettings(insecure_diagnostics=True)
    async with serving_diagnostics(open_to_all, HERE, Metrics(), Access(_reviewed), kept) as place:
        assert (await get(f"http://127.0.0.1:{place.port}/logs/team-a/node-0", **alice))[0] == 404


async def test_a_terminal_reads_a_controllers_runs(tmp_path: Path) -> None:
    kept = KeptRuns(tmp_path / "output", KeepLimits(), lambda: 3000.0)
    key = MachineKey("team-a", "node-0")
    run = KeptRun(kept.new_name("bootstrap", 0.0), key.kind, key.namespace, key.name, "bootstrap", 0.0, 1.0)
    kept.write(run)
    (tmp_path / "alice").write_text("alice\n")
    (tmp_path / "bob").write_text("bob\n")
    async with serving_diagnostics(ControllerSettings(), HERE, Metrics(), Access(_reviewed), kept) as place:
        url = f"https://127.0.0.1:{place.port}"
        alice = LogServer(url, str(tmp_path / "alice"), "")
        assert await asyncio.to_thread(alice.read, key, "") == run
        assert await asyncio.to_thread(alice.read, key, run.name) == run
        assert await asyncio.to_thread(alice.names, key) == [run.name]
        for server, asked, told in (
            (LogServer(url, str(tmp_path / "bob"), ""), key, "does not know the token"),
            (alice, MachineKey("team-b", "node-0"), "capra-logs-reader"),
            (alice, MachineKey("team-a", "node-1"), "has no run whose output was kept"),
        ):
            with pytest.raises(InputError, match=told):
                await asyncio.to_thread(server.read, asked, "")
    with pytest.raises(Fatal, match="cannot be asked"):
        await asyncio.to_thread(alice.read, key, "")
