"""Who has broken the way to a host: by what OpenSSH 9.2 has said, and nobody where the way was fine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from capra.engine.causes.bastions import blamed
from capra.engine.outcome import judge
from capra.model.bastion import Bastion
from capra.model.machine import MachineKey
from capra.model.run import Connection, OutcomeKind, Playbook, RunRequest, RunResult, RunSecrets, TaskEvent

INNER, OUTER = Bastion("10.1.0.1"), Bastion("192.0.2.9", 2222, "jump", host_keys=("ssh-ed25519 AAAA",))
REQUEST = RunRequest(
    MachineKey("default", "m"),
    Playbook.BOOTSTRAP,
    Connection("10.2.0.1", bastions=(INNER, OUTER)),
    {},
    RunSecrets(bastion_keys=("", "")),
    accept_bastion_keys=("", ""),
)
LET_IN = 'Authenticated to 192.0.2.9 ([192.0.2.9]:2222) using "publickey".\n'
END = "Transferred: sent 2612, received 2784 bytes, in 0.1 seconds\nBytes per second: sent 1, received 2\n"
LOST = "kex_exchange_identification: Connection closed by remote host\n"
CHANGED = (
    "@@@@@@\nThe fingerprint for the ED25519 key sent by the remote host is\nSHA256:new.\n"
    "Host key verification failed.\n"
)


@pytest.mark.parametrize(
    ("inner", "outer", "kind", "parts"),
    [
        (
            LOST,
            "ssh: connect to host 192.0.2.9 port 2222: Connection refused\n",
            OutcomeKind.UNREACHABLE,
            ["the bastion 192.0.2.9:2222 cannot be reached: ssh: connect", "spec.bastion.bastion.port (2222)"],
        ),
        (
            LOST,
            "jump@192.0.2.9: Permission denied (publickey).\n",
            OutcomeKind.WRONG_CREDENTIALS,
            ["the bastion 192.0.2.9:2222 does not accept", "for user jump", "spec.bastion.bastion.sshKeyRef"],
        ),
        (
            LOST,
            CHANGED,
            OutcomeKind.HOST_KEY_CHANGED,
            [
                "the host key of the bastion 192.0.2.9:2222 has changed",
                "shows SHA256:new",
                "capra trust 192.0.2.9:2222",
            ],
        ),
        (
            LOST,
            f"{LET_IN}channel 0: open failed: administratively prohibited: open failed\nstdio forwarding failed\n",
            OutcomeKind.LOGIN_FAILED,
            ["the bastion 192.0.2.9:2222 does not pass connections on to 10.1.0.1:22", "AllowTcpForwarding"],
        ),
        (
            LOST,
            f"{LET_IN}channel 0: open failed: connect failed: No route to host\nstdio forwarding failed\n",
            OutcomeKind.UNREACHABLE,
            [
                "the bastion 10.1.0.1:22 cannot be reached from 192.0.2.9:2222: No route",
                "spec.bastion.address (10.1.0.1)",
            ],
        ),
        (
            f"{LET_IN}channel 0: open failed: connect failed: Connection refused\nstdio forwarding failed\n",
            f"{LET_IN}{END}",
            OutcomeKind.UNREACHABLE,
            ["10.2.0.1:22 cannot be reached from 10.1.0.1:22: Connection refused", "spec.port (22)"],
        ),
        (
            f"{LET_IN}Timeout, server 10.1.0.1 not responding.\n",
            f"Welcome\nPermission denied (really)\n{LET_IN}{END}",
            OutcomeKind.UNREACHABLE,
            ["the bastion 10.1.0.1:22 cannot be reached: Timeout, server 10.1.0.1 not responding."],
        ),
    ],
)
def test_who_is_blamed(inner: str, outer: str, kind: OutcomeKind, parts: list[str]) -> None:
    blame = blamed(REQUEST, (inner, outer))
    assert blame is not None
    assert blame.kind is kind
    for part in parts:
        assert part in blame.message, blame.message


@pytest.mark.parametrize(
    "said",
    [
        ("", ""),
        (f"Warning: Permanently added '10.1.0.1' to the list.\n{LET_IN}", f"A banner\nof two lines\n{LET_IN}{END}"),
        (f"{LET_IN}{END}Killed by signal 1.\n", LET_IN),
        (),
    ],
)
def test_nobody_is_blamed_for_a_way_that_was_there(said: tuple[str, ...]) -> None:
    assert blamed(REQUEST, said) is None


def test_in_a_cluster_the_annotation_goes() -> None:
    request = replace(REQUEST, accept_bastion_keys=("", "kubectl annotate …-"))
    blame = blamed(request, ("", CHANGED))
    assert blame is not None
    assert blame.message.endswith("If the new key is right: kubectl annotate …-")


@pytest.mark.parametrize(
    ("reason", "kind", "reached"),
    [
        ("unreachable", OutcomeKind.WRONG_CREDENTIALS, False),
        ("lost", OutcomeKind.WRONG_CREDENTIALS, True),
        ("host_key", OutcomeKind.HOST_KEY_CHANGED, False),
    ],
)
def test_the_outcome_of_a_run(reason: str, kind: OutcomeKind, reached: bool) -> None:
    """What the host itself has refused is the host's, whatever a bastion has said before."""
    event = TaskEvent("runner_on_unreachable", "t", {"reason": reason, "msg": "Connection closed"})
    said = ("jump@10.1.0.1: Permission denied (publickey).\n", "")
    outcome = judge(REQUEST, RunResult((event,), {"unreachable": 1, "dark": 1}, bastions_said=said))
    assert (outcome.kind, bool(outcome.details.get("reached"))) == (kind, reached)
    assert ("bastion" in outcome.message) == (reason != "host_key")
