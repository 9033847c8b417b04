"""The way to the API server: what the environment says counts, and is asked once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from kubernetes.aio.client import Configuration

from capra.kube.client.connection import client_config, configure, connect


def kubeconfig(directory: Path, **cluster: str) -> str:
    file = directory / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://api.example.org:6443", **cluster}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
    }
    file.write_text(yaml.safe_dump(content))
    return str(file)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize(
    ("environment", "proxy"),
    [
        ({}, None),
        ({"HTTPS_PROXY": "http://proxy.example.org:3128"}, "http://proxy.example.org:3128"),
        ({"HTTP_PROXY": "http://proxy.example.org:3128"}, None),
        ({"HTTPS_PROXY": "http://proxy.example.org:3128", "NO_PROXY": "example.com,.example.org"}, None),
    ],
)
async def test_the_proxy_of_the_environment(
    environment: dict[str, str], proxy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    configuration = await configure(kubeconfig(tmp_path))
    assert configuration.proxy == proxy
    async with connect(configuration) as made, made.rest_client._create_pool_manager() as session:
        assert session.trust_env is False


async def test_the_proxy_of_the_kubeconfig_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.org:3128")
    configuration = await configure(kubeconfig(tmp_path, **{"proxy-url": "http://own.example.org:1"}))
    assert configuration.proxy == "http://own.example.org:1"


@pytest.mark.parametrize("given", ["bearer t0ken\n", "Bearer t0ken", "t0ken"], ids=["of a Pod", "of a file", "alone"])
async def test_the_token_is_passed_on_without_its_scheme(given: str) -> None:
    """Or the API server would take the scheme for the token."""
    configuration = Configuration()
    configuration.api_key = {"BearerToken": given}
    assert (await client_config(configuration)).token == "t0ken"


async def test_another_client_goes_the_same_way(tmp_path: Path) -> None:
    names = {"proxy-url": "http://own.example.org:1", "tls-server-name": "kubernetes.default"}
    found = await client_config(await configure(kubeconfig(tmp_path, **names)))
    assert (found.server, found.proxy, found.tls_server_name) == (
        "https://api.example.org:6443",
        "http://own.example.org:1",
        "kubernetes.default",
    )
