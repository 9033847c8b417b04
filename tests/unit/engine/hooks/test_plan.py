"""From a hook to its run: which ones are left, what is hidden, what is checked before the first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from capra.engine.decisions import Bootstrap, Cleanup
from capra.engine.hooks.plan import check_hooks, hooks_to_run, plan_hook
from capra.engine.requests import PlanOptions
from capra.errors import InputError
from capra.model.machine import Stage
from capra.model.observation import BootstrapData, HookText, Record
from capra.model.run import Playbook
from capra.runs.redaction.redact import Redactor
from tests.unit.engine.examples import READY, observation

PLAYBOOK = "- hosts: all\n  tasks: [{name: Install auditd, raw: 'mysql -pTr0ub4dor-n1'}]\n"
HOOKS = tuple(HookText(stage, name, PLAYBOOK, "d1") for stage in Stage for name in ("a", "b"))


def _named(found: tuple[tuple[HookText, ...], tuple[HookText, ...]]) -> tuple[list[str], list[str]]:
    return [one.id for one in found[0]], [one.id for one in found[1]]


def test_what_is_left_to_run() -> None:
    seen = replace(READY, hooks=HOOKS, record=Record(hooks=("beforeBootstrap/a:d1", "afterBootstrap/a:other")))
    assert _named(hooks_to_run(seen, Bootstrap())) == (
        ["beforeBootstrap/b:d1"],
        ["afterBootstrap/a:d1", "afterBootstrap/b:d1"],
    )
    assert _named(hooks_to_run(seen, Cleanup(custom=False))) == (["beforeCleanUp/a:d1", "beforeCleanUp/b:d1"], [])


def test_the_run_of_a_hook() -> None:
    hook = replace(HOOKS[0], variables={"a": "b"})
    seen = observation(spec={"use_sudo": True, "user": "ops"})
    request = plan_hook(seen, hook, PlanOptions(check=True, diff=True, hook_timeout=7, one_owner=True, ssh_config=""))
    assert (request.playbook, request.hook, request.variables) == (Playbook.HOOK, "a", {})
    assert (request.secrets.hook, request.secrets.hook_variables) == (PLAYBOOK, {"a": "b"})
    assert (request.timeout, request.check, request.diff, request.connection.become) == (7.0, True, True, True)
    assert request.secrets.become_password == "become-pass"
    assert "Tr0ub4dor" not in repr(request)


@pytest.mark.parametrize(
    ("variables", "text", "shown"),
    [
        ({"a": "opensesame"}, "x opensesame y", "x [hidden] y"),
        ({"a": {"b": ["opensesame"]}}, "opensesame", "[hidden]"),
        ({"a": 4711471147}, "4711471147", "[hidden]"),
        ({"token": "ab1"}, "is ab1", "is [hidden]"),
        ({"passwords": {"x": ["prod"]}}, "is prod", "is [hidden]"),
        ({"pin": 1234}, "is 1234", "is [hidden]"),
        ({"a": "zq7x"}, "is zq7x", "is [hidden]"),
        ({"owner": "root", "debug": True, "port": 443, "nothing": None}, "root True 443 None", "root True 443 None"),
        ({"a": "one\ntwo three four"}, "two three four", "[hidden]"),
    ],
)
def test_every_value_is_hidden(variables: dict[str, Any], text: str, shown: str) -> None:
    secrets = plan_hook(READY, replace(HOOKS[0], variables=variables), PlanOptions()).secrets
    assert Redactor.of(secrets).text(text) == shown


def test_passwords_in_the_playbook_are_hidden_and_its_other_words_where_it_is_a_secret() -> None:
    text = "Install auditd: mysql -pTr0ub4dor-n1, k8sxyzzy9"
    open_one = replace(HOOKS[0], playbook=PLAYBOOK + "# k8sxyzzy9\n")
    assert Redactor.of(plan_hook(READY, open_one, PlanOptions()).secrets).text(text) == (
        "Install auditd: mysql -p[hidden], k8sxyzzy9"
    )
    closed = replace(open_one, secret=True)
    assert Redactor.of(plan_hook(READY, closed, PlanOptions()).secrets).text(text) == (
        "Install auditd: mysql [hidden], [hidden]"
    )


def test_a_collection_that_is_missing_is_told_before_the_first_hook() -> None:
    hooks = (HOOKS[0], replace(HOOKS[2], collections=("community.general", "a.b")))
    options = PlanOptions(has_collection=lambda name: name == "community.general")
    with pytest.raises(InputError, match=r"hook a needs the collection a.b, which is not installed") as caught:
        check_hooks(replace(READY, hooks=hooks), Bootstrap(), options)
    assert (caught.value.reason, caught.value.field) == ("MissingCollection", "spec.ansible.afterBootstrap")
    check_hooks(replace(READY, hooks=hooks), Cleanup(custom=False), options)


def test_data_that_cannot_be_carried_out_is_told_before_the_first_hook() -> None:
    seen = replace(READY, hooks=HOOKS, bootstrap=BootstrapData(b"#cloud-config\nrandom_seed: {file: a}\n"))
    with pytest.raises(InputError, match="random_seed"):
        check_hooks(seen, Bootstrap(), PlanOptions())
    asks = b"## template: jinja\n#cloud-config\nruncmd: ['{{ v1.local_hostname }}']\n"
    check_hooks(replace(seen, bootstrap=BootstrapData(asks)), Bootstrap(), PlanOptions())
    unknown = b"## template: jinja\n#cloud-config\nruncmd: ['{{ v1.nothing }}']\n"
    with pytest.raises(InputError, match=r"v1\.nothing"):
        check_hooks(replace(seen, bootstrap=BootstrapData(unknown)), Bootstrap(), PlanOptions())
