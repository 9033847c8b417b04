"""What Capra makes of a document is what cloud-init makes of it: Debian's package gets the same one on a host beside.

Where Capra differs on purpose stands in `tests/cases/cloud_init/decided.yaml`; nothing else may differ.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, Phase, given, settings

from tests.e2e.cloud_init import stages
from tests.e2e.cloud_init.pair import Outcome, Pair
from tests.e2e.cloud_init.saved import SAVED, runnable, stand_in
from tests.e2e.cloud_init.strategies import documents
from tests.e2e.support import Capra, key_secret, machine
from tests.hosts import extras
from tests.hosts.fixtures import bring_up

CASES = Path(__file__).parents[1] / "cases" / "cloud_init"
ALIKE = yaml.safe_load((CASES / "alike.yaml").read_text())
DECIDED = yaml.safe_load((CASES / "decided.yaml").read_text())

NIGHTLY = os.environ.get("CAPRA_CLOUD_INIT_EXAMPLES")
"""How many documents are generated, and that all saved ones are compared (`make nightly`)."""

IN_CI = (
    *("k0smotron-worker-everything", "kubeadm-control-plane-everything", "kubeadm-init-everything"),
    *("k3s-agent-named", "rke2-agent"),
)
"""The saved documents that have the most in them."""


FORMS = ("schema.py",)
"""This cloud-init carries out forms that its own schema has not: a list under sudo."""


class Pairs:
    """Gives a pair of hosts that are alike: another one after a difference."""

    def __init__(self) -> None:
        self._hosts = ExitStack()
        self._pair: Pair | None = None

    def get(self) -> Pair:
        if self._pair is None or self._pair.spoilt:
            self.down()
            [ours] = self._hosts.enter_context(bring_up(extra=extras.TOOLS))
            [theirs] = self._hosts.enter_context(bring_up(extra=extras.CLOUD_INIT))
            self._pair = Pair(ours, theirs)
        return self._pair

    def down(self) -> None:
        self._hosts.close()


@pytest.fixture(scope="module")
def pairs() -> Iterator[Pairs]:
    """The pairs for all of these tests."""
    found = Pairs()
    yield found
    found.down()


def assert_alike(outcome: Outcome, complains: tuple[str, ...] = ()) -> None:
    """complains: what stands in warnings of cloud-init that change nothing of what it does."""
    serious = [line for line in outcome.complaints if not any(word in line for word in complains)]
    assert serious == [], "cloud-init warns: the document is not comparable"
    assert outcome.report["outcome"] == "Finished"
    assert not outcome.differences, outcome.told


@pytest.mark.parametrize("case", ALIKE, ids=[case["name"] for case in ALIKE])
def test_alike(pairs: Pairs, capra: Capra, case: dict[str, Any]) -> None:
    document = case["document"].encode()
    if case.get("gzipped"):
        document = gzip.compress(document)
    assert_alike(pairs.get().apply(document, capra), tuple(case.get("complains", ())))


@pytest.mark.parametrize("name", SAVED if NIGHTLY else IN_CI)
def test_what_providers_write(pairs: Pairs, capra: Capra, name: str) -> None:
    pair = pairs.get()
    stand_in(pair)
    assert_alike(pair.apply(runnable(name), capra), FORMS)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Capra:
    """One state for all generated documents."""
    return Capra(tmp_path_factory.mktemp("generated"))


@settings(
    max_examples=int(NIGHTLY or 20),
    derandomize=not NIGHTLY,
    database=None,
    # What a document leaves behind is there for the next one, so a smaller document is no smaller case.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(document=documents())
def test_what_is_generated(pairs: Pairs, scratch: Capra, document: bytes) -> None:
    assert_alike(pairs.get().apply(document, scratch), FORMS)


def test_what_differs_on_purpose(pairs: Pairs, capra: Capra) -> None:
    """All of it, and nothing else; each path with its reason."""
    outcome = pairs.get().apply(DECIDED["document"].encode(), capra, code=1)
    decided = DECIDED["differs"]
    found = {next((top for top in decided if f"{path}/".startswith(f"{top}/")), path) for path in outcome.differences}
    assert found == decided.keys(), outcome.told
    assert "/opt/decided/same" in outcome.touched


def test_a_name_that_nobody_knows_is_an_error_and_not_written(pairs: Pairs, capra: Capra) -> None:
    pair = pairs.get()
    document = b"## template: jinja\n#cloud-config\nwrite_files: [{path: /opt/unknown, content: '{{ v1.nothing }}'}]\n"
    files = (capra.manifests(machine(pair.ours), key_secret(pair.ours)), "--bootstrap-data", capra.data(document))
    assert "v1.nothing is not known" in capra.run("plan", "-f", *files, code=2).stderr
    told = stages.run(pair.theirs, document)
    assert "'nothing'" in told.complaints[0]
    assert pair.theirs.path("/opt/unknown").read_text() == "CI_MISSING_JINJA_VAR/nothing"
