"""The texts of hooks in the management cluster: read when a machine is about to run them, and kept by nobody.

ConfigMaps are not watched: a cluster has many, and few have playbooks. A machine that waits looks again.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import replace

from capra.engine.hooks.asked import FIELD, read_asked
from capra.engine.hooks.deciding import HOOK_NOT_FOUND, NOT_ALLOWED, begun_run, has_ended_well
from capra.engine.hooks.texts import to_hook_text
from capra.errors import InputError
from capra.kube.cache.turns import Turns
from capra.kube.client.api import Api
from capra.kube.client.errors import MissingError
from capra.kube.client.resources import CONFIG_MAPS, SECRETS
from capra.model.machine import RUN_PLAYBOOK_ANNOTATION, Hook, RemoteMachine, Stage, TextSource
from capra.model.observation import AskedPlaybook, HookText, Problem, Record

Texts = tuple[tuple[HookText, ...], Problem | None]
NONE: Texts = (), None

REFUSED = (
    "asks for playbooks, which run on the controller's side and can do there what it can: this controller runs none"
    " without --allow-hooks"
)
_RESOURCES = {"ConfigMap": CONFIG_MAPS, "Secret": SECRETS}


class HookStore:
    """Reads hooks. allowed: machines may have them."""

    def __init__(self, api: Api, *, allowed: bool) -> None:
        self._api = api
        self._allowed = allowed

    async def load(
        self, machine: RemoteMachine, stages: Iterable[Stage], place: str = "spec", *, wanted: bool = True
    ) -> Texts:
        """The hooks of a machine in these stages, or what is wrong with the first that cannot be had. place: the path
        of its fields. wanted: they may run now; otherwise no text is read."""
        ansible = machine.spec.ansible
        asked = [(stage, index, hook) for stage in stages for index, hook in enumerate(ansible.of(stage))]
        # A machine that could never be cleaned is not bootstrapped either.
        if not (ansible if not machine.deleting else asked):
            return NONE
        if not self._allowed:
            return (), Problem(f"{place}.ansible", REFUSED, NOT_ALLOWED)
        found = []
        for stage, index, hook in asked if wanted else ():
            text = await self._load(machine.key.namespace, stage, hook, f"{place}.ansible.{stage}[{index}]")
            if isinstance(text, Problem):
                return (), text
            found.append(text)
        return tuple(found), None

    async def asked(self, machine: RemoteMachine, kept: Record, turns: Turns) -> AskedPlaybook | None:
        """What the annotation `run-playbook` asks for. Nothing is read while it is not the machine's turn, nor when it
        has ended well."""
        value = machine.annotations.get(RUN_PLAYBOOK_ANNOTATION)
        if value is None:
            return None
        asked, hook = read_asked(value)
        if not self._allowed:
            return replace(asked, problem=Problem(FIELD, REFUSED, NOT_ALLOWED))
        if hook is None or has_ended_well(asked, kept):
            return asked
        begun = begun_run(asked, kept) is not None
        held = turns.held(machine.key, asked.name, asked.serial, begun=begun)
        if held:
            return replace(asked, held=held)
        text = await self._load(machine.key.namespace, Stage.RUN_PLAYBOOK, hook, FIELD)
        if isinstance(text, Problem):
            return replace(asked, problem=text)
        return replace(asked, text=replace(text, check=asked.check))

    async def _load(self, namespace: str, stage: Stage, hook: Hook, field: str) -> HookText | Problem:
        texts: list[bytes | None] = []
        for name, source in (("playbook", hook.playbook), ("variables", hook.variables)):
            if source is not None and source.kind not in _RESOURCES:
                message = "is for the terminal only: the controller reads ConfigMaps and Secrets"
                return Problem(f"{field}.{name}.file", message, "InvalidHook")
            data = await self._read(namespace, source) if source is not None else None
            if source is not None and data is None:
                return Problem(f"{field}.{name}", f"{source}, the {name} of hook {hook.name}", HOOK_NOT_FOUND)
            texts.append(data)
        try:
            return to_hook_text(stage, hook, texts[0] or b"", texts[1])
        except InputError as error:
            return Problem(field, f"{error.subject}: {error.problem}", error.reason)

    async def _read(self, namespace: str, source: TextSource) -> bytes | None:
        """None while there is no such object, or no such key in it."""
        try:
            raw = await self._api.get(_RESOURCES[source.kind], namespace, source.name)
        except MissingError:
            return None
        text = (raw.get("data") or {}).get(source.key)
        if not isinstance(text, str):
            return None
        if source.kind == "ConfigMap":
            return text.encode()
        try:
            return base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):  # the API server has checked it
            return None
