"""What a RemoteMachine wants of its host, from its own fields and its Machine's. Pure, over what the cache knows."""

from __future__ import annotations

import json
from functools import lru_cache

from capra.errors import InputError
from capra.kube.cache import ownership
from capra.kube.cache.known import Known
from capra.kube.client.resources import Raw
from capra.kube.objects.probes.offers import failure_domain_of
from capra.model import checks
from capra.model.choosing.choice import Choice, HostSelector
from capra.model.manifest.host_selector import HostSelectorFields
from capra.model.manifest.validation import validate
from capra.model.observation import Problem

SELECTOR, DOMAIN = "spec.hostSelector", "spec.failureDomain"


def wanted_host(cache: Known, machine: Raw) -> Choice | Problem:
    """What it wants, or what is wrong with that. The failure domain is its own, else its Machine's."""
    given = (machine.get("spec") or {}).get("hostSelector")
    selector = _read(json.dumps(given, sort_keys=True)) if given else HostSelector()
    if isinstance(selector, Problem):
        return selector
    domain = failure_domain_of(machine)
    if domain:
        try:
            checks.failure_domain(domain)
        except ValueError as error:
            return Problem(DOMAIN, str(error))
    else:
        owner = ownership.owner_of(cache, machine, "Machine")[0]
        domain = failure_domain_of(owner) if owner is not None else ""
    return Choice(selector, domain)


@lru_cache(maxsize=256)
def _read(text: str) -> HostSelector | Problem:
    """A selector, of the JSON of one: those of a thousand machines are few."""
    try:
        return validate(HostSelectorFields, json.loads(text), SELECTOR).to_host_selector()
    except InputError as error:
        first = getattr(error, "errors", (error,))[0]
        return Problem(".".join(filter(None, (SELECTOR, first.field))), first.problem)
