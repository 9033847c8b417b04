"""warm_and_cold.py warm|cold DIRECTORY: one play that tells what it sees of its process, forked or started anew. Prints
that as JSON, without what differs by nature (process ids, times)."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import ansible_runner

from capra.runs import worker
from capra.runs.directory.layout import ansible_environment, lay_out
from capra.runs.warm import parent

FACTS = r"""
import json, os, resource, signal, sys
from ansible import constants
from ansible.utils.display import Display

class FilterModule:
    def filters(self):
        return {"facts": facts, "tell": tell}

def tell(value):
    # In the play's own process; what a task sees is a fork of it.
    streams = (sys.stdin, sys.stdout, sys.stderr)
    os.environ["STREAMS"] = repr([(one.line_buffering, one.encoding, one.errors, one.fileno()) for one in streams])
    return value

def plain(value):
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return value if isinstance(value, (str, int, float, bool, type(None))) else repr(value)

def facts(_):
    settings = {name: plain(value) for name, value in vars(constants).items() if name.isupper()}
    settings["DEFAULT_LOCAL_TMP"] = os.path.dirname(settings["DEFAULT_LOCAL_TMP"])
    # The script of a path with blanks is a shell's first, and shells set this.
    os.environ.pop("PWD", None)
    return {
        "environment": dict(os.environ),
        "directory": os.getcwd(),
        "umask": os.popen("umask").read(),
        "inherited": os.popen("ls /proc/self/fd | wc -l").read(),
        "handlers": {name: repr(signal.getsignal(getattr(signal, name))) for name in ("SIGHUP", "SIGPIPE", "SIGCHLD")},
        "limits": {name: resource.getrlimit(getattr(resource, name)) for name in dir(resource) if "RLIMIT" in name},
        "arguments": sys.argv,
        "settings": settings,
        "columns": Display().columns,
        "encoding": sys.getdefaultencoding(),
        "terminal": os.popen("ps -o tty= -p %d" % os.getppid()).read().startswith("pts"),
    }
"""

PLAY = """
- hosts: "{{ 'all' | tell }}"
  gather_facts: false
  tasks:
    - ansible.builtin.debug:
        msg: "{{ '' | facts }}"
    - ansible.builtin.fail:
        msg: at last
"""


def run(way: str, directory: Path) -> dict[str, Any]:
    """What ansible-runner told of it."""
    lay_out(directory, parent.NOBODY)
    project = directory / "project"
    (project / "filter_plugins").mkdir()
    (project / "filter_plugins" / "facts.py").write_text(FACTS)
    (project / "play.yml").write_text(PLAY)
    facts: dict[str, Any] = {}
    told: list[list[str]] = []

    def listen(event: dict[str, Any]) -> bool:
        told.append([event["event"], event["stdout"] if event["event"] == "verbose" else ""])
        if event["event"] == "runner_on_ok":
            facts.update(event["event_data"]["res"]["msg"])
        return True

    finished = ansible_runner.run(
        private_data_dir=str(directory),
        project_dir=str(project),
        playbook="play.yml",
        envvars=ansible_environment(directory, parent.NOBODY),
        settings={"pexpect_timeout": 1, "suppress_env_files": True},
        ident="run",
        quiet=True,
        event_handler=listen,
    )
    output = (directory / "artifacts/run/stdout").read_text()
    return {
        "facts": facts,
        "events": told,
        "status": finished.status,
        "rc": finished.rc,
        "output": re.sub(r"\d", "0", output),
        "left": sorted(str(path.relative_to(directory)) for path in (directory / "tmp").rglob("*")),
    }


def main() -> None:
    """See above."""
    way, directory = sys.argv[1], Path(sys.argv[2])
    worker.clean_environment()
    if way == "warm":
        output = os.dup(1)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        parent.warm_up()
        os.dup2(output, 1)
    print(json.dumps(run(way, directory), sort_keys=True))


if __name__ == "__main__":
    main()
