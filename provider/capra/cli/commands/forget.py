"""`capra forget`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from capra.cli.errors import ExitCode, note
from capra.cli.options.forget import Options
from capra.cli.output.alike import display_name
from capra.cli.output.report import machine_fields, print_json
from capra.errors import Fatal, InputError
from capra.local.state import Remembered, StateDirectory
from capra.model.checks import same_address
from capra.model.host_port import join_host_port
from capra.model.keys.host_key import fingerprint
from capra.runs.kept.kept_runs import kept_in
from capra.settings import Output


def forget(options: Options) -> int:
    """Returns the exit code."""
    settings = options.settings()
    state = StateDirectory(settings.state_directory)
    known = state.all()
    chosen = _placed(_chosen(known, options.names), options.address)
    _refuse(chosen, force=options.force)
    state.prepare()
    told = []
    for one in chosen:
        shared = _shares_place(one, [other for other in known if other not in chosen])
        state.forget(one, force=options.force, keep_keys=bool(shared))
        if not any(other.key == one.key for other in known if other not in chosen):
            kept_in(settings.state_directory, settings.keep_output).forget(one.key)
        told.append(_as_json(one, [] if shared else _keys(one)))
        _tell(one, shared)
    if settings.output is Output.JSON:
        print_json({"forgotten": told})
    return ExitCode.DONE


def _chosen(known: Sequence[Remembered], names: Iterable[str]) -> list[Remembered]:
    """The machines with these names, at whatever place. Raises InputError for a name that is not known, or that
    machines of several namespaces have."""
    wanted = set(names)
    if missing := sorted(wanted - {name for one in known for name in _names(one)}):
        have = ", ".join(sorted({display_name(one.key) for one in known})) or "none"
        raise InputError(f"no machine of this name is remembered; there are: {have}", subject=", ".join(missing))
    for name in sorted(wanted):
        full = sorted({f"{one.key.namespace}/{one.key.name}" for one in known if name in _names(one)})
        if len(full) > 1:
            raise InputError(f"stands for several machines; give one of: {', '.join(full)}", subject=name)
    return [one for one in known if wanted & _names(one)]


def _placed(found: Sequence[Remembered], address: str) -> list[Remembered]:
    """Those at this address, or all where none is given and each machine is at one. Raises InputError."""
    if address:
        chosen = [one for one in found if _in_one_form(address) in _addresses(one)]
        at = {one.key for one in chosen}
        if elsewhere := [one for one in found if one.key not in at]:
            known = ", ".join(f"{display_name(one.key)} is at {_place(one)}" for one in elsewhere)
            raise InputError(f"{address} is not theirs: {known}; nothing was forgotten", subject="--address")
        return chosen
    for one in found:
        places = list(dict.fromkeys(_place(other) for other in found if _names(other) == _names(one)))
        if len(places) > 1:
            problem = f"is remembered at {len(places)} addresses; give one with --address: {', '.join(places)}"
            raise InputError(problem, subject=display_name(one.key))
    return list(found)


def _place(one: Remembered) -> str:
    return join_host_port(one.address, one.port)


def _addresses(one: Remembered) -> set[str]:
    """How a person may write it, as `_in_one_form` gives it."""
    return {_in_one_form(one.address), _in_one_form(_place(one))}


def _in_one_form(address: str) -> str:
    """An address with or without its port; with or without the brackets of IPv6."""
    bare = address[1:-1] if address.startswith("[") and address.endswith("]") else address
    return same_address(bare)


def _names(one: Remembered) -> set[str]:
    return {one.key.name, f"{one.key.namespace}/{one.key.name}"}


def _refuse(chosen: Sequence[Remembered], *, force: bool) -> None:
    """Before anything is forgotten. Raises Fatal."""
    for one in chosen:
        name = display_name(one.key)
        if one.busy:
            raise Fatal(f"another capra (pid {one.busy}) is at work on {name}; nothing was forgotten")
        if one.dirty and not force:
            raise Fatal(
                f"{name}: its host {_place(one)} may be dirty (phase {one.record.phase}); nothing was forgotten. Clean"
                " it with capra cleanup, or forget it all the same with --force"
            )


def _shares_place(one: Remembered, others: Iterable[Remembered]) -> str:
    """The name of another machine at this place, whose key stays; empty without one."""
    place = (same_address(one.address), one.port)
    found = (other for other in others if (same_address(other.address), other.port) == place)
    return next((display_name(other.key) for other in found), "")


def _keys(one: Remembered) -> list[str]:
    return [f"{key.split()[0]} {fingerprint(key)}" for key in one.record.host_keys]


def _tell(one: Remembered, shared: str) -> None:
    keys = f"; pinned keys of the host: {', '.join(_keys(one))}" if one.record.host_keys else ""
    if shared and keys:
        keys = f"; the pinned keys of the host stay, since {shared} is there, too"
    note(f"forgotten: {display_name(one.key)} at {_place(one)} (phase {one.record.phase}){keys}")


def _as_json(one: Remembered, keys: Sequence[str]) -> dict[str, Any]:
    return machine_fields(one.key, one.address, one.port) | {"phase": one.record.phase.value, "hostKeys": list(keys)}
