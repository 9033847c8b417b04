"""Why a host's key is believed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.engine.decisions import Keep
from capra.engine.engine import Reconciliation
from capra.engine.told.trust import host_key_condition
from tests.unit.engine.examples import READY

KEY = "ssh-ed25519 AAAA"
SHOWN = "SHA256:cJ6AyISHokEeHuTfufIqhhSS0gxHZRUMDHlKvXD4FHw"


@pytest.mark.parametrize(
    ("pinned", "seen", "told"),
    [
        ((), (), None),
        ((), (KEY,), ("True", "FirstUse", f"ssh-ed25519 {SHOWN}")),
        ((KEY,), ("ssh-rsa AAAA",), ("True", "Pinned", f"ssh-ed25519 {SHOWN}")),
        ((SHOWN,), (), ("True", "Pinned", SHOWN)),
        ((f"@cert-authority {KEY}",), (), ("True", "CertificateAuthority", f"authority ssh-ed25519 {SHOWN}")),
    ],
)
def test_what_holds(pinned: tuple[str, ...], seen: tuple[str, ...], told: tuple[str, str, str] | None) -> None:
    machine = replace(READY.machine, spec=replace(READY.machine.spec, host_keys=pinned))
    record = replace(READY.record, host_keys=seen)
    condition = host_key_condition(Reconciliation(replace(READY, machine=machine), Keep(), record))
    assert (condition and (condition.status, condition.reason, condition.message)) == told
