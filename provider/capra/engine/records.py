"""How a decision or a run changes a machine's record. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from capra.bootstrap.templates.instance_data import believed
from capra.engine.decisions import Bootstrap, Cleanup, Decision, Keep, Refuse, Release, Run, RunPlaybook
from capra.engine.distributions import with_choice
from capra.engine.hooks import noting
from capra.engine.plan import bootstrap_digest, bootstrap_run_id, cleanup_began
from capra.engine.probes.facts import MACHINE_ID
from capra.engine.requests import host_uid
from capra.model.bastion import with_new_keys
from capra.model.machine import CleanUp
from capra.model.observation import HookText, Observation, Phase, Record
from capra.model.retry import RUN
from capra.model.run import HostFacts, Outcome, OutcomeKind

WARNINGS = 20
WARNING_LENGTH = 500
"""How many characters of each a record keeps."""


def after_decision(observation: Observation, decision: Decision) -> Record:
    """What a decision that runs nothing changes in the record."""
    if isinstance(decision, Keep) and decision.adopted:
        return replace(observation.record, phase=Phase.PROVISIONED)
    if isinstance(decision, Keep) and observation.record.cleaning_since:
        # Somebody has thought better of a cleanup that has sent nothing.
        return _provisioned(replace(observation.record, cleaning_since=0.0, distributions=()))
    if isinstance(decision, Keep):
        return noting.playbook_forgotten(observation)
    if isinstance(decision, Release) and not decision.moved and not decision.dirty:
        return cleaned(observation.record)
    if isinstance(decision, Refuse) and observation.machine.deleting:
        return begun_cleanup(observation)
    return observation.record


def adopted(observation: Observation, told: HostFacts, machine_id: str) -> Record:
    """The record of a machine whose host is the Node that it has to be. told, machine_id: by the host, of itself."""
    return _provisioned(
        replace(
            observation.record,
            uid=host_uid(observation),
            bootstrap_kind=observation.owner.bootstrap_kind if observation.owner else "",
            host_name=told.hostname,
            host_addresses=told.addresses,
            facts={**observation.record.facts, MACHINE_ID: machine_id},
        )
    )


def begun(observation: Observation, decision: Run) -> Record:
    """The record of a run that is about to begin."""
    if isinstance(decision, Cleanup):
        return begun_cleanup(observation)
    if isinstance(decision, RunPlaybook):
        return noting.playbook_begun(observation.record, decision.hook)
    return replace(
        observation.record,
        phase=Phase.BOOTSTRAPPING,
        run_id=bootstrap_run_id(observation),
        digest=bootstrap_digest(observation),
        uid=host_uid(observation),
        bootstrap_kind=observation.owner.bootstrap_kind if observation.owner else "",
        cleaning_since=0.0,
        distributions=(),
    )


def wanted_cleanup(observation: Observation) -> Record:
    """The record of a machine whose host is to be cleaned, and is only inspected for now."""
    return replace(begun_cleanup(observation), phase=observation.record.phase)


def begun_cleanup(observation: Observation) -> Record:
    """The record of a machine whose host is to be cleaned from now on."""
    if observation.record.phase is Phase.CLEANING or observation.record.cleaning_since:
        began = cleanup_began(observation)
        return replace(observation.record, phase=Phase.CLEANING, cleaning_since=began, clean_up=_clean_up(observation))
    # The failures of a bootstrap are not the cleanup's, nor is a playbook of day two that was under way.
    return replace(
        observation.record,
        phase=Phase.CLEANING,
        uid=host_uid(observation),
        attempts=0,
        unreached=0,
        not_before=0.0,
        reason="",
        message="",
        cleaning_since=observation.now,
        distributions=(),
        clean_up=_clean_up(observation),
        playbook=None,
    )


def _clean_up(observation: Observation) -> CleanUp | None:
    """What counts for this cleanup, even if the object that said so has gone."""
    return observation.machine.spec.clean_up or observation.record.clean_up


def cleaned(record: Record) -> Record:
    """The record of a clean host. Its keys stay, and those of its bastions: the host is still the same."""
    return Record(
        phase=Phase.CLEAN,
        host_keys=record.host_keys,
        bastion_keys=record.bastion_keys,
        changed_at=record.changed_at,
    )


def as_before(before: Record, begun: Record) -> Record:
    """The record of a run that has proven that it sent nothing: the host is where it was. Without the run's own proof,
    as after a crash of this process, the record stays: the host may be where the run was to bring it."""
    return replace(
        begun,
        phase=before.phase,
        run_id=before.run_id,
        digest=before.digest,
        uid=before.uid,
        bootstrap_kind=before.bootstrap_kind,
        playbook=before.playbook,
    )


def learnt(observation: Observation, decision: Bootstrap | Cleanup, outcome: Outcome) -> Record:
    """The record after the host has told what its bootstrap data is rendered with, or which cleanup it needs. That is
    kept: the run changes what the host says, and a later attempt must come to the same run."""
    told = outcome.details.get("facts")
    facts = told if isinstance(told, Mapping) else {}
    record = with_keys_shown(observation.record, outcome)
    if isinstance(decision, Cleanup):
        return replace(record, distributions=with_choice(record.distributions, facts), reason="", message="")
    return replace(record, facts={**believed(facts), "place": observation.machine.spec.place})


def with_keys_shown(record: Record, outcome: Outcome) -> Record:
    """The record with the keys that were shown at a first contact, by the host and by its bastions."""
    return replace(
        record,
        host_keys=record.host_keys or outcome.host_keys,
        bastion_keys=with_new_keys(record.bastion_keys, outcome.bastion_keys),
    )


def with_known_keys(known: Record, record: Record) -> Record:
    """The record with the keys of the other one."""
    return replace(record, host_keys=known.host_keys, bastion_keys=known.bastion_keys)


def ended(
    record: Record,
    decision: Run,
    outcome: Outcome,
    now: float,
    check: bool,
    *,
    hook: HookText | None = None,
    last: bool = True,
) -> Record:
    """The record after a run. A check run leaves only the host keys of a first contact behind. A host that has let
    nobody in may not be the one that is meant: its keys are not kept. hook: the one that ran, if any. last: nothing is
    to run after it; until then, earlier failures count."""
    if outcome.sent:
        record = with_keys_shown(record, outcome)
    if check:
        return record
    if isinstance(decision, RunPlaybook):
        return replace(noting.playbook_ended(record, decision.hook, outcome, now), changed_at=now)
    if not outcome.ok:
        attempts = record.attempts + 1
        return replace(
            record,
            attempts=attempts,
            unreached=record.unreached + 1 if _unreached(outcome) else 0,
            not_before=now + RUN.after(attempts),
            reason=outcome.kind.value,
            message=outcome.message,
            changed_at=now,
        )
    record = replace(record, changed_at=now)
    if hook is not None:
        record = replace(record, hooks=noting.with_hook(record.hooks, hook))
    elif isinstance(decision, Cleanup):
        record = cleaned(record)
    else:
        record = replace(
            record,
            host_name=outcome.host.hostname,
            host_addresses=outcome.host.addresses,
            warnings=tuple(one[:WARNING_LENGTH] for one in outcome.warnings[:WARNINGS]),
        )
    return _provisioned(record) if last and isinstance(decision, Bootstrap) else record


def _provisioned(record: Record) -> Record:
    return replace(record, phase=Phase.PROVISIONED, attempts=0, unreached=0, not_before=0.0, reason="", message="")


def _unreached(outcome: Outcome) -> bool:
    """The host did not answer at all."""
    return outcome.kind is OutcomeKind.UNREACHABLE and not outcome.details.get("reached")
