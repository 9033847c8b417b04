"""Which keys a host is offered."""

from __future__ import annotations

from capra.model.keys.logins import offered_keys
from capra.model.observation import SSHCertificate, SSHKey

PLAIN = SSHKey("plain", "Secret key")
ENDED = SSHKey("ended", "Secret key: value-1", certificate=SSHCertificate("t", "old", 0, 100))
LATER = SSHKey("later", "Secret key: value-2", certificate=SSHCertificate("t", "new", 900))


def test_a_key_without_a_certificate() -> None:
    assert offered_keys(PLAIN, 500.0).keys == (PLAIN,)


def test_a_certificate_that_is_not_valid_leaves_the_other_keys() -> None:
    found = offered_keys(SSHKey("plain", "Secret key", further=(ENDED, LATER)), 500.0)
    assert [key.value for key in found.keys] == ["plain"]
    assert [warning.partition(": the")[0] for warning in found.warnings] == [ENDED.source, LATER.source]
    assert (found.reason, found.problem, found.until) == ("", "", 0.0)


def test_no_key_is_left() -> None:
    found = offered_keys(SSHKey("ended", "s", certificate=ENDED.certificate, further=(LATER,)), 500.0)
    assert (found.keys, found.reason, found.until) == ((), "SSHCertificateExpired", 900.0)
    assert found.problem.startswith("s: the SSH certificate 'old' has expired")
    assert offered_keys(LATER, 500.0).reason == "SSHCertificateNotYetValid"
    assert offered_keys(LATER, 900.0).keys == (LATER,)


def test_it_ends_soon() -> None:
    one = SSHKey("k", "s", certificate=SSHCertificate("t", "mine", 0, 1000))
    assert offered_keys(one, 500.0).warnings == (
        "s: the SSH certificate 'mine' expires at 1970-01-01 00:16:40 UTC: renew it before",
    )
