"""Options of a command as what the engine and the reader of files take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from capra.cli.errors import note
from capra.cli.options.common import MachineOptions
from capra.engine.requests import PlanOptions
from capra.local.prepare import InputOptions, PreparedMachines
from capra.local.state import StateDirectory
from capra.local.store import FileStore
from capra.model.machine import MachineKey
from capra.runs.hooks.surroundings import has_collection
from capra.runs.rendering import render_within_bounds
from capra.settings import Settings


def input_options(options: MachineOptions) -> InputOptions:
    """What is read from files."""
    settings = options.settings()
    return InputOptions(
        files=tuple(options.file),
        ssh_key=settings.ssh_key,
        ssh_key_passphrase_file=settings.ssh_key_passphrase_file,
        ssh_certificate=settings.ssh_certificate,
        become_password_file=settings.become_password_file,
        bootstrap_data=getattr(options, "bootstrap_data", None) or "",
        limit=tuple(options.limit or ()),
        sentinel=settings.sentinel,
    )


def plan_options(
    settings: Settings,
    *,
    check: bool = False,
    diff: bool = False,
    restart: bool = False,
    take_over: str = "",
    field_names: Callable[[MachineKey], Mapping[str, str]] = PlanOptions.field_names,
) -> PlanOptions:
    """The engine's options for these settings."""
    defaults = PlanOptions()
    return PlanOptions(
        check=check,
        diff=diff,
        restart=restart,
        artifacts=settings.artifacts,
        bootstrap_timeout=settings.timeout or defaults.bootstrap_timeout,
        cleanup_timeout=settings.timeout or defaults.cleanup_timeout,
        sentinel=settings.sentinel,
        state_directory=settings.host_state_directory,
        k0s_data_dir=settings.k0s_data_dir,
        k0s_binary=settings.k0s_binary,
        take_over=take_over,
        # Bastions and names of hosts stand in a person's own configuration; the controller has none.
        ssh_config="",
        one_owner=True,
        render=render_within_bounds,
        hook_timeout=settings.hook_timeout,
        host_key_policy=settings.host_key_policy,
        has_collection=has_collection,
        field_names=field_names,
    )


def open_store(
    settings: Settings, prepared: PreparedMachines, *, deleting: bool = False, taking_over: bool = False
) -> FileStore:
    """What is remembered of the machines, checked; notes are told. deleting, taking_over: see FileStore. Raises
    InputErrors."""
    state = StateDirectory(settings.state_directory)
    store = FileStore(prepared, state, time.time, deleting=deleting, taking_over=taking_over)
    store.check()
    state.prepare()
    for sentence in prepared.notes:
        note(sentence)
    return store
