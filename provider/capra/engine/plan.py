"""From a decision to the run that carries it out. Pure."""

from __future__ import annotations

from dataclasses import replace

from capra import bootstrap
from capra.bootstrap import Instance, InstanceDataMissing, Parsed
from capra.bootstrap.steps import dump_tasks, entitled, names_sentinel, run_id
from capra.bootstrap.templates import jinja
from capra.bootstrap.templates.instance_data import EXAMPLE, instance_data
from capra.bootstrap.templates.jinja import Render
from capra.engine.decisions import Bootstrap, Cleanup
from capra.engine.distributions import FALLBACK, chosen
from capra.engine.jobs.asking import FIELD, INVALID_JOB, NOT_ASKED
from capra.engine.redaction.excerpt import titled, without_shown
from capra.engine.redaction.hidden import hidden_in, hidden_in_commands
from capra.engine.requests import PlanOptions, hiding, host_uid, new_request, plan_preflight
from capra.errors import InputError
from capra.model.machine import IGNORED_CONSTRUCTS_ANNOTATION, SENTINEL_ANNOTATION, CleanUp, RemoteMachine
from capra.model.observation import Observation
from capra.model.run import Playbook, RunRequest


def read_bootstrap(observation: Observation, render: Render = jinja.render) -> Parsed:
    """The steps of the machine's bootstrap data. Raises InputError naming the machine's data, and what is wrong, or
    InstanceDataMissing where the host has to be asked first (`plan_facts`)."""
    data = observation.bootstrap
    if data is None:
        raise InputError("there is no bootstrap data", subject=str(observation.machine.key))
    machine, facts = observation.machine, observation.record.facts
    key, spec = machine.key, machine.spec
    known = instance_data(
        facts, name=key.name, namespace=key.namespace, uid=host_uid(observation), labels=machine.labels
    )
    found = bootstrap.read(
        data.data,
        format=data.format,
        commands_as_script=spec.commands_as_script,
        working_dir=spec.working_dir,
        subject=data.source,
        ignored=_ignored(machine),
        # What was learnt at one place says nothing of another host.
        instance=Instance(known, render) if facts.get("place") == machine.spec.place else None,
    )
    return replace(found, steps=tuple(entitled(step, data.titles) for step in found.steps))


def _ignored(machine: RemoteMachine) -> list[str]:
    """The constructs that the machine goes on without."""
    words = machine.annotations.get(IGNORED_CONSTRUCTS_ANNOTATION, "").split(",")
    return [word.strip() for word in words if word.strip()]


def bootstrap_digest(observation: Observation) -> str:
    """SHA-256 of the bootstrap data, in hexadecimal; empty without any."""
    return bootstrap.digest(observation.bootstrap.data) if observation.bootstrap else ""


def bootstrap_run_id(observation: Observation) -> str:
    """The id of the machine's bootstrap run; empty without bootstrap data."""
    spec = observation.machine.spec
    if observation.bootstrap is None:
        return ""
    return run_id(
        observation.bootstrap.data,
        uid=host_uid(observation),
        commands_as_script=spec.commands_as_script,
        working_dir=spec.working_dir,
    )


def plan_bootstrap(observation: Observation, options: PlanOptions) -> RunRequest:
    """The bootstrap run. Raises InputError for bootstrap data that cannot be carried out."""
    found, sentinel = read_bootstrap(observation, options.render), sentinel_of(observation.machine, options)
    variables = {
        "bootstrap_run_id": bootstrap_run_id(observation),
        "bootstrap_sentinel": sentinel,
        **({"bootstrap_restart": True} if options.restart else {}),
    }
    request = new_request(observation, options, Playbook.BOOTSTRAP, variables, options.bootstrap_timeout)
    secrets = replace(request.secrets, steps=dump_tasks(map(titled, found.steps), sentinel))
    hidden = without_shown(hidden_in(found.steps, diff=options.diff), found.steps)
    return replace(request, secrets=hiding(secrets, hidden), notes=(*request.notes, *found.notes))


def with_example(observation: Observation) -> Observation:
    """As if the host had told all that it can: to check data that has to be rendered before the host is asked."""
    facts = {**EXAMPLE, "place": observation.machine.spec.place}
    return replace(observation, record=replace(observation.record, facts=facts))


def plan_bootstrap_or_facts(observation: Observation, options: PlanOptions) -> RunRequest:
    """The bootstrap run or, where its data must be rendered with what the host says about itself, the run that asks:
    the playbook tells which. Raises InputError for data that is wrong whatever the host may say."""
    try:
        return plan_bootstrap(observation, options)
    except InstanceDataMissing as missing:
        read_bootstrap(with_example(observation), options.render)
        if observation.machine.spec.provision_job is not None:
            key = str(observation.machine.key)
            raise InputError(NOT_ASKED, subject=key, field=FIELD, reason=INVALID_JOB) from missing
        return plan_preflight(observation, options)


def plan_run(observation: Observation, decision: Bootstrap | Cleanup, options: PlanOptions) -> RunRequest:
    """The run that carries the decision out, or the one that has to ask the host first: the playbook tells which."""
    if isinstance(decision, Cleanup):
        return plan_cleanup_or_look(observation, decision, options)
    return plan_bootstrap_or_facts(observation, options)


def lacks_sentinel(machine: RemoteMachine, found: Parsed, options: PlanOptions) -> str:
    """A warning where the file that proves the bootstrap is looked for, but no step names it; else empty. What a step
    starts may create it all the same. Raises InputError."""
    sentinel = sentinel_of(machine, options)
    if not sentinel or names_sentinel(found.steps, sentinel):
        return ""
    return (
        f"no step of the bootstrap data names {sentinel}, the file that proves a bootstrap: where nothing makes it, the"
        f" last step fails. The annotation {SENTINEL_ANNOTATION}: none goes by the commands' exit status"
    )


def sentinel_of(machine: RemoteMachine, options: PlanOptions) -> str:
    """The file that proves the bootstrap; empty where nobody makes one. Raises InputError."""
    asked = machine.annotations.get(SENTINEL_ANNOTATION)
    if asked is None:
        return options.sentinel
    if asked != "none":
        field = f"metadata.annotations[{SENTINEL_ANNOTATION}]"
        raise InputError(f"{asked!r} is not known: `none` is, or no annotation", subject=str(machine.key), field=field)
    return ""


def needs_look(observation: Observation, decision: Cleanup) -> bool:
    """Only the host can tell its distribution, and has not been asked yet. A Job asks nothing beforehand."""
    if observation.machine.spec.provision_job is not None:
        return False
    by_host = not decision.custom and decision.clean_up is CleanUp.DEFAULT and not decision.distribution
    return by_host and not chosen(observation.record)


def plan_cleanup_or_look(observation: Observation, decision: Cleanup, options: PlanOptions) -> RunRequest:
    """The cleanup run, or where only the host can tell its distribution, the run that asks it: the playbook tells
    which."""
    if needs_look(observation, decision):
        # A busy host gets as much time as for the cleanup itself.
        return replace(plan_preflight(observation, options), timeout=float(options.cleanup_timeout))
    return plan_cleanup(observation, decision, options)


def plan_cleanup(observation: Observation, decision: Cleanup, options: PlanOptions) -> RunRequest:
    """The cleanup run that the decision asks for; that of k0s where nobody has asked the host yet."""
    if decision.custom or decision.clean_up is not CleanUp.DEFAULT:
        commands = list(observation.machine.spec.clean_up_commands) if decision.custom else []
        variables = {
            "custom_cleanup_commands": commands,
            "custom_cleanup_verify": _binding(observation, decision, options),
            "custom_cleanup_sentinel": options.sentinel,
            "custom_cleanup_request_id": _request_id(observation),
            **({"custom_cleanup_restart": True} if options.restart else {}),
        }
        request = new_request(observation, options, Playbook.CUSTOM_CLEANUP, variables, options.cleanup_timeout)
        return replace(request, secrets=hiding(request.secrets, hidden_in_commands(commands)))
    distribution = decision.distribution or chosen(observation.record) or FALLBACK
    if distribution != "k0s":
        playbook = Playbook(f"{distribution}_cleanup")
        variables = {f"{playbook}_request_id": _request_id(observation), f"{playbook}_sentinel": options.sentinel}
        return new_request(observation, options, playbook, variables, options.cleanup_timeout)
    variables = {
        "k0s_cleanup_request_id": _request_id(observation),
        "k0s_cleanup_role": decision.role,
        "k0s_cleanup_sentinel": options.sentinel,
        "k0s_cleanup_data_dir": options.k0s_data_dir,
        "k0s_cleanup_binary": options.k0s_binary,
    }
    return new_request(observation, options, Playbook.K0S_CLEANUP, variables, options.cleanup_timeout)


def _binding(observation: Observation, decision: Cleanup, options: PlanOptions) -> str:
    """What makes a cleanup other than a distribution's fail: see roles/custom_cleanup. A cluster's machine of no pool
    passes its host on to nobody: what is left there is its user's, and the machine goes, as in the reference."""
    if decision.clean_up is CleanUp.NONE:
        return "none"
    if not decision.custom and observation.finalizer and not observation.machine.spec.pool:
        return "nothing"
    return "running" if decision.custom and not options.verify_custom_cleanup else "all"


def cleanup_began(observation: Observation) -> float:
    """When the machine's cleanup began, in seconds since the epoch: now, where nobody has noted it (an entry comes into
    quarantine without a time), or where the noted time, from another clock, is still to come."""
    return min(observation.record.cleaning_since or observation.now, observation.now)


def _request_id(observation: Observation) -> str:
    """The same for all attempts at one cleanup: its beginning is noted before the first."""
    return str(cleanup_began(observation))


def plan_cancel(observation: Observation, options: PlanOptions) -> RunRequest:
    """The run that ends the machine's bootstrap on the host, if one is under way; it can be resumed later."""
    try:
        request = plan_bootstrap(observation, options)
    except InstanceDataMissing:
        # The run's id does not depend on what the host says.
        request = plan_bootstrap(with_example(observation), options)
    return replace(request, variables={**request.variables, "bootstrap_state": "cancelled"}, timeout=60.0)
