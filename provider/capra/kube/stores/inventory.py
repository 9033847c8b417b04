"""What an inventory needs of a cluster: its machines, its pool entries, and the Secrets with their SSH keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from capra.errors import Fatal, InputError
from capra.kube.client.api import Api
from capra.kube.client.connection import configure, connect
from capra.kube.client.errors import DeniedError, MissingError
from capra.kube.client.resources import POOLED_REMOTE_MACHINES, REMOTE_MACHINES, SECRETS, Raw, Resource
from capra.kube.objects.fields import decoded
from capra.model.keys.ssh_key import check_key

RETRY_SECONDS = 5.0
"""A person waits."""


async def list_machines(kubeconfig: str, context: str, namespace: str) -> dict[str, list[Raw]]:
    """The objects, by `machines` and `entries`, as JSON has them and without secrets. namespace: empty for all.

    Raises InputError, Fatal and Retry."""
    async with connect(await configure(kubeconfig, context)) as connection:
        api = Api(connection, retry_seconds=RETRY_SECONDS)
        kinds = (("machines", REMOTE_MACHINES), ("entries", POOLED_REMOTE_MACHINES))
        return {name: await _list(api, resource, namespace) for name, resource in kinds}


async def _list(api: Api, resource: Resource, namespace: str) -> list[Raw]:
    try:
        return [_kept(one) for one in (await api.list(resource, namespace))["items"]]
    except DeniedError as error:
        of = "" if namespace else ", or give the namespace that you may read"
        raise Fatal(f"{error}; ask for the ClusterRole capra-viewer{of}", "Denied") from None


def _kept(raw: Raw) -> dict[str, Any]:
    metadata = {name: value for name, value in raw["metadata"].items() if name != "managedFields"}
    return {"metadata": metadata, "spec": raw.get("spec") or {}, "status": raw.get("status") or {}}


async def read_secret_keys(
    kubeconfig: str, context: str, wanted: Iterable[tuple[str, str]]
) -> tuple[Mapping[tuple[str, str], str], list[str]]:
    """The SSH keys of these Secrets (namespace and name), in OpenSSH's format, and a sentence for each that gives none.
    Raises Fatal and Retry."""
    keys: dict[tuple[str, str], str] = {}
    problems = []
    async with connect(await configure(kubeconfig, context)) as connection:
        api = Api(connection, retry_seconds=RETRY_SECONDS)
        for namespace, name in dict.fromkeys(wanted):
            subject = f"Secret {namespace}/{name}"
            try:
                value = decoded(await api.get(SECRETS, namespace, name), "value")
                if value is None:
                    raise InputError("has no key 'value'", subject=subject)
                keys[namespace, name] = check_key(value, subject=subject).openssh
            except MissingError:
                problems.append(f"{subject}: does not exist")
            except InputError as error:
                problems.append(str(error))
            except DeniedError as error:
                problems.append(f"{error}; ask for get on secrets, or give ssh_key")
                break
    return keys, problems
