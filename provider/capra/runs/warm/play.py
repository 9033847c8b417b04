"""What a warm parent does once, so that a fork of it can be an `ansible-playbook`; and what the fork does then.

Ansible means a process to run one playbook: it has read the environment and made its global state when it was imported.
Whatever of that belongs to a run is set again here.
"""

from __future__ import annotations

import atexit
import functools
import gc
import importlib
import multiprocessing
import os
import random
import secrets
import shutil
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import ansible_runner.runner
import pexpect
from ansible import constants, context
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing import vault
from ansible.plugins.loader import (
    action_loader,
    become_loader,
    connection_loader,
    filter_loader,
    shell_loader,
    test_loader,
)
from ansible.utils import vars as ansible_vars
from ansible.utils.collection_loader import AnsibleCollectionConfig
from ansible.utils.context_objects import GlobalCLIArgs
from ansible.utils.display import Display
from ansible.utils.path import cleanup_tmp_file

from capra.errors import Fatal
from capra.runs.warm.forks import close_others, live_as

DISPLAY_CALLBACK = "awx_display"
"""ansible-runner's. It is part of each run, and reads the environment when it is imported."""

PRELOADED = (
    (connection_loader, ("ansible.builtin.ssh",)),
    (become_loader, ("ansible.builtin.sudo",)),
    (shell_loader, ("ansible.builtin.sh",)),
    (action_loader, ("capra.machine.steps", "capra.machine.preflight")),
    (
        filter_loader,
        (
            "capra.machine.bootstrap_planned_steps",
            "capra.machine.cleanup_steps",
            "capra.machine.cleanup_changed",
        ),
    ),
)
"""Plugins that only a task's own process loads, which is a fork of the play."""

PROGRAMS = "ansible_collections.capra.machine.plugins.plugin_utils.programs"
"""Puts the shell programs together, and keeps them."""

_warm_environment: dict[str, str] = {}
_settings: dict[str, tuple[str, ...]] = {}
"""Ansible's settings, each with the names of the variables that give it."""


def play_nothing(directory: Path, playbook: Path) -> None:
    """In the parent, with the environment that Ansible was imported with. directory: a run's private one, of nobody.
    Raises Fatal where the play does not succeed."""
    _remember_settings()
    # The parent's collections are the run's as well.
    warnings.filterwarnings("ignore", "AnsibleCollectionFinder has already been configured")
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    arguments = ["ansible-playbook", "-i", str(directory / "inventory"), str(playbook)]
    sys.argv, before = arguments, sys.argv
    try:
        PlaybookCLI.cli_executor(arguments)
    except SystemExit as ended:
        if ended.code:
            raise Fatal(
                f"a play of Ansible's own does not succeed: status {ended.code}", "BrokenInstallation"
            ) from None
    finally:
        sys.argv = before
        for number, handler in handlers.items():
            signal.signal(number, handler)
    preload()


def _remember_settings() -> None:
    _warm_environment.update(os.environ)
    for name, definition in constants.config.get_configuration_definitions().items():
        if variables := tuple(entry["name"] for entry in definition.get("env") or ()):
            _settings[name] = variables


def preload() -> None:
    """Load what only the processes of tasks would."""
    for loader, names in PRELOADED:
        for name in names:
            if loader.get(name, class_only=True) is None:
                raise Fatal(f"Ansible's plugin {name} is not there", "BrokenInstallation")
    for loader in (filter_loader, test_loader):
        list(loader.all())
    for half in ("session", "detached"):
        getattr(importlib.import_module(PROGRAMS), half)()


def cool_down() -> None:
    """After a play in this very process: nothing of it is left to a fork but what has been loaded."""
    forget_play()
    # Here, once for all runs: there are thousands of modules.
    _callback()
    # A fork of it must not remove the directory of the parent's play again.
    atexit.unregister(cleanup_tmp_file)
    # Nor close descriptors of the play's queues, which would be its own by then.
    for process in multiprocessing.active_children():
        process.join()
    gc.collect()
    gc.freeze()


def forget_play() -> None:
    """Take the global state of a play away, so that another one may begin."""
    GlobalCLIArgs._Singleton__instance = None
    context.CLIARGS = context.CLIArgs({})
    if hasattr(vault, "VaultSecretsContext"):  # since ansible-core 2.19
        vault.VaultSecretsContext._current = None
    AnsibleCollectionConfig.playbook_paths = []
    display = Display()
    for seen in (display._deprecations, display._warns, display._errors):
        seen.clear()


def be_ansible_playbook(arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Be what `ansible-playbook` with these arguments and this environment would be; in a fork of a warm parent, with a
    terminal at the descriptors 0 to 2. arguments: with the program's name."""

    def play() -> None:
        gc.freeze()
        close_others()
        try:
            _begin(arguments, environment)
            PlaybookCLI.cli_executor(list(arguments))
        finally:
            atexit._run_exitfuncs()

    def failed(error: BaseException) -> int:
        sys.stderr.write(f"ERROR: {type(error).__name__}: {error}\n")
        return 250

    live_as(play, failed)


def _begin(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    for number in (signal.SIGTERM, signal.SIGCHLD):
        signal.signal(number, signal.SIG_DFL)
    os.environ.clear()
    os.environ.update(environment)
    # sys.stdin and the others stay: Ansible has put locks around these very objects.
    sys.argv = list(arguments)
    for stream in (sys.stdin, sys.stdout):  # a new process would see that they are a terminal
        stream.reconfigure(line_buffering=not sys.stdout.write_through)  # type: ignore[union-attr]  # as Python makes them
    random.seed()
    # They begin the ids of plays and tasks.
    ansible_vars.random_int, ansible_vars.cur_id = f"{secrets.randbelow(2**32):08x}", 0
    forget_play()
    _read_settings(environment)
    Display()._set_column_width()
    _where_events_go()


def _read_settings(environment: Mapping[str, str]) -> None:
    """Ansible has read its settings when it was imported: read those again whose variables differ."""
    for name, variables in _settings.items():
        if any(environment.get(one) != _warm_environment.get(one) for one in variables):
            constants.set_constant(name, constants.config.get_config_value(name, variables=vars(constants)))


def _where_events_go() -> None:
    """The callback has made the writer of its events when it was imported."""
    module = _callback()
    module.event_context.cache = module.IsolatedFileWrite()


@functools.cache
def _callback() -> ModuleType:
    [module] = [module for name, module in list(sys.modules.items()) if name.endswith(f".{DISPLAY_CALLBACK}")]
    return module


class ForkedPlay(pexpect.spawn):  # type: ignore[misc]  # pexpect has no type information
    """What ansible-runner starts: where that is `ansible-playbook`, a fork of this process instead of a program. It is
    a child with a terminal, signals and a status of its own all the same."""

    def __init__(self, command: str, arguments: list[str], **settings: Any) -> None:
        environment = {name: str(value) for name, value in settings["env"].items()}
        begin: Callable[[], None] | None = None
        if Path(command).name == "ansible-playbook":
            program = shutil.which(command, path=environment.get("PATH")) or command

            def begin() -> None:
                be_ansible_playbook([program, *arguments], environment)

        super().__init__(command, arguments, preexec_fn=begin, **settings)
        # It has been waited for when it is closed.
        self.ptyproc.delayafterclose = 0


def fork_plays() -> None:
    """From now on, ansible-runner in this process forks plays."""
    ansible_runner.runner.pexpect.spawn = ForkedPlay
