"""`capra plan`."""

from __future__ import annotations

import asyncio
import base64
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

import typer

from capra.bootstrap import InstanceDataMissing
from capra.bootstrap.steps import load_tasks
from capra.cli.errors import ExitCode, note
from capra.cli.options.plan import Options, Purpose
from capra.cli.output.alike import display_name
from capra.cli.output.listing import cleanup_titles
from capra.cli.output.report import columns, identity, print_json
from capra.cli.output.result import decision_name, of_reconciliation
from capra.cli.shared.change import BOOTSTRAP, CLEANUP
from capra.cli.shared.planning import input_options, plan_options
from capra.engine.decide import decide
from capra.engine.decisions import Bootstrap, Cleanup
from capra.engine.engine import Reconciliation
from capra.engine.plan import needs_look, plan_bootstrap, plan_cleanup, with_example
from capra.engine.requests import PlanOptions
from capra.local.prepare import PreparedMachines, prepare
from capra.local.state import StateDirectory
from capra.local.store import FileStore
from capra.model.keys.host_key import shown_pin
from capra.model.machine import MachineKey
from capra.model.observation import HookText, Observation
from capra.model.run import RunRequest
from capra.runs.redaction.redact import Redactor
from capra.runs.rendering import render_within_bounds
from capra.settings import Output

COLUMNS = {"number": "STEP", "title": "TITLE", "mode": "MODE", "owner": "OWNER", "size": "BYTES"}
"""Of the steps; one that no step has is left out."""


FIRST_USE = "trusted at first contact, then pinned"


def plan(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    deleting = options.purpose is Purpose.CLEANUP
    stages = CLEANUP if deleting else BOOTSTRAP
    prepared = prepare(input_options(options), need_bootstrap=not deleting, stages=stages, render=render_within_bounds)
    store = FileStore(prepared, StateDirectory(settings.state_directory), time.time, deleting=deleting)
    store.check()
    for sentence in prepared.notes:
        note(sentence)
    plans = asyncio.run(_plan_all(prepared, store, plan_options(settings)))
    if settings.output is Output.JSON:
        print_json({"machines": plans})
    else:
        _print_plans(list(prepared.machines), plans)
    return ExitCode.DONE


async def _plan_all(prepared: PreparedMachines, store: FileStore, options: PlanOptions) -> list[dict[str, Any]]:
    return [_planned(await store.load(key), options) for key in prepared.machines]


def _planned(observation: Observation, options: PlanOptions) -> dict[str, Any]:
    decision = decide(observation, default_clean_up=options.default_clean_up)
    common = identity(observation.machine) | {"decision": decision_name(decision)}
    told = ""
    if isinstance(decision, Bootstrap):
        request, told = _bootstrap(observation, options)
        # Titles have the first words of commands in them.
        steps = Redactor.of(request.secrets).data(_listed(load_tasks(request.secrets.steps)))
    elif isinstance(decision, Cleanup):
        request = plan_cleanup(observation, decision, options)
        if needs_look(observation, decision):
            told = ": the host is asked first whose node it is, and gets that distribution's cleanup"
        steps = _titles(request)
    else:
        said = of_reconciliation(Reconciliation(observation, decision, observation.record))
        return common | {"message": said.message}
    redactor = Redactor.of(request.secrets)
    return common | {
        "message": f"{request.playbook} would run, or go on where the host is{told}",
        "playbook": f"capra.machine.{request.playbook}",
        "inventory": _inventory(request),
        # Commands of a cleanup stand in the manifest; passwords in them are not repeated.
        "variables": redactor.data(_lasting(request)),
        "steps": redactor.data(steps),
        "hooks": [_hook(observation, hook) for hook in observation.hooks],
    }


def _titles(request: RunRequest) -> list[dict[str, Any]]:
    """The steps of a cleanup by their titles."""
    commands = cast("Sequence[str]", request.variables.get("custom_cleanup_commands", ()))
    verify = request.variables.get("custom_cleanup_verify") != "none"
    titles = cleanup_titles(request.playbook, commands, verify=verify)
    return [{"number": number, "title": title} for number, title in enumerate(titles, 1)]


def _hook(observation: Observation, hook: HookText) -> dict[str, Any]:
    """A playbook of the user's by its name, never by its content."""
    return {
        "stage": hook.stage.value,
        "name": hook.name,
        "playbook": hook.source,
        "digest": hook.digest,
        "variables": sorted(hook.variables),
        "done": hook.id in observation.record.hooks,
    }


def _bootstrap(observation: Observation, options: PlanOptions) -> tuple[RunRequest, str]:
    """The run, and what there is to tell of it."""
    told = ""
    try:
        request = plan_bootstrap(observation, options)
    except InstanceDataMissing:
        request = plan_bootstrap(with_example(observation), options)
        told = "; the host has not said its name yet, with which the data is rendered: an example stands for it"
    return request, "".join([told, *(f"; {note}" for note in request.notes)])


def _lasting(request: RunRequest) -> dict[str, Any]:
    """The variables without what names one attempt."""
    return {name: value for name, value in request.variables.items() if not name.endswith("_request_id")}


def _inventory(request: RunRequest) -> dict[str, Any]:
    """How the host would be reached; the key and the password are not shown."""
    connection = request.connection
    keys = [shown_pin(key) for key in connection.host_keys]
    return {
        "address": connection.address,
        "port": connection.port,
        "user": connection.user,
        "become": connection.become,
        "hostKeyPolicy": f"pinned: {', '.join(keys)}" if keys else FIRST_USE,
    }


def _listed(steps: Sequence[Mapping[str, str]]) -> list[dict[str, Any]]:
    """Every step by its title, never by its content. steps: as the role takes them."""
    listed: list[dict[str, Any]] = []
    for number, step in enumerate(steps, 1):
        one: dict[str, Any] = {"number": number, "title": step["title"]}
        one |= {name: step[name] for name in ("path", "mode", "owner") if name in step}
        if "content" in step:
            one["size"] = len(base64.b64decode(step["content"]))
        elif "command" in step:
            one["size"] = len(step["command"].encode())
        listed.append(one)
    return listed


def _print_plans(keys: Sequence[MachineKey], plans: Sequence[dict[str, Any]]) -> None:
    for key, planned in zip(keys, plans, strict=True):
        typer.echo(f"{display_name(key)}: {planned['decision']}: {planned['message']}")
        if "playbook" not in planned:
            continue
        facts = {"playbook": planned["playbook"], **planned["inventory"], **planned["variables"]}
        typer.echo(columns(facts.items()))
        if planned["steps"]:
            wanted = [name for name in COLUMNS if any(name in step for step in planned["steps"])]
            steps = [[step.get(name, "") for name in wanted] for step in planned["steps"]]
            typer.echo(columns([[COLUMNS[name] for name in wanted], *steps]))
        if planned["hooks"]:
            hooks = [
                [one["stage"], one["name"], one["playbook"], "done" if one["done"] else "to run"]
                for one in planned["hooks"]
            ]
            typer.echo(columns([["HOOK", "NAME", "PLAYBOOK", ""], *hooks]))
        typer.echo()
