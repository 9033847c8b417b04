"""Certificates: what is wrong with one is known before a host is asked."""

from __future__ import annotations

import pytest

from capra.errors import InputError
from capra.model.keys.certificate import SOON, certificate_trouble, certificate_warning, check_certificate
from capra.model.observation import SSHCertificate
from tests.support.ssh_keys import new_ssh_key
from tests.unit.model.keys.certificates import signed

KEY = new_ssh_key()


def test_one_that_is_right() -> None:
    data = signed(KEY, after=1000, before=2000)
    found = check_certificate(data, KEY, subject="s")
    assert (found.name, found.valid_after, found.valid_before) == ("mine", 1000, 2000)
    assert found.text == b" ".join(data.split()[:2]).decode()
    assert check_certificate(signed(KEY), KEY, subject="s").valid_before == 0
    odd = check_certificate(signed(KEY, name="a\nb"), KEY, subject="s")
    assert odd.name == "a?b"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no user certificate"),
        (b"\xff\xfe", "is no user certificate"),
        (b"ssh-ed25519-cert-v01@openssh.com AAAA", "is no user certificate"),
        (b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDB6SetTPNEYPOs7TpJnuUg2QepVnTq1yWGDD3+ujEiJ", "is no user certificate"),
        (signed(KEY) * 2, "is no user certificate"),
        (signed(KEY) + b" " * 70000, "is no user certificate"),
        (KEY.encode(), "is no user certificate"),
        (signed(KEY, host=True), "is a host certificate"),
        (signed(new_ssh_key()), "is for the key SHA256:"),
    ],
)
def test_one_that_is_wrong(data: bytes, words: str) -> None:
    with pytest.raises(InputError, match=words) as caught:
        check_certificate(data, KEY, subject="Secret key", field="value-cert.pub")
    assert caught.value.reason == "InvalidSSHCertificate"
    assert str(caught.value).startswith("Secret key: value-cert.pub: ")


def trouble(certificate: SSHCertificate, now: float) -> tuple[str, str]:
    found = certificate_trouble(certificate, now)
    return (found.reason, found.message) if found else ("", "")


def test_when_it_is_valid() -> None:
    one = SSHCertificate("t", "mine", valid_after=1000, valid_before=2000)
    reason, said = trouble(one, 999.0)
    assert (reason, "is valid from 1970-01-01 00:16:40 UTC on" in said) == ("SSHCertificateNotYetValid", True)
    assert trouble(one, 1000.0) == trouble(one, 1999.9) == ("", "")
    reason, said = trouble(one, 2000.0)
    assert (reason, "has expired at 1970-01-01 00:33:20 UTC" in said) == ("SSHCertificateExpired", True)
    assert trouble(SSHCertificate("t"), 1e12) == ("", "")
    assert "9999-12-31" in trouble(SSHCertificate("t", valid_after=2**62), 0.0)[1]


def test_a_week_before_its_end() -> None:
    end = 10_000_000
    one = SSHCertificate("t", "mine", valid_before=end)
    assert certificate_warning(one, end - SOON - 1) == ""
    assert "'mine' expires at 1970-04-26 17:46:40 UTC" in certificate_warning(one, end - SOON)
    assert certificate_warning(SSHCertificate("t"), 1e12) == ""
