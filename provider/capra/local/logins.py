"""The keys of machines as options and the Secrets of files give them, checked before any host is contacted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from capra.errors import InputError
from capra.local.reading.keys import read_key_file
from capra.local.reading.option_files import attempt, read_certificate, read_passphrase, read_password
from capra.model.keys.certificate import check_certificate
from capra.model.keys.key_secret import read_key_secret
from capra.model.keys.logins import offered_keys
from capra.model.observation import SSHKey


@dataclass(frozen=True)
class LoginOptions:
    """What options give for all machines. key: None where no option names one. certificate_file: what errors call the
    certificate."""

    key: SSHKey | None = None
    passphrase: bytes = field(default=b"", repr=False)
    certificate: bytes = field(default=b"", repr=False)
    certificate_file: str = ""
    become_password: str = field(default="", repr=False)

    def of_file(self, path: Path, option: str) -> SSHKey:
        """The key of a file, with the certificate that is given. option: what errors call the file. Raises
        InputError."""
        key = read_key_file(path, option, self.passphrase)
        if not self.certificate:
            return key
        found = check_certificate(self.certificate, key.openssh, subject=f"--ssh-certificate {self.certificate_file}")
        return replace(key, certificate=found)

    def of_secret(self, values: Mapping[str, bytes], *, source: str, subject: str, become: bool) -> SSHKey | None:
        """The keys of a Secret; None without `value`. source: what messages about a login call it. subject: what errors
        call it. Raises InputError."""
        key = read_key_secret(
            values,
            subject=subject,
            passphrase=self.passphrase,
            certificate=self.certificate,
            become_password=become and not self.become_password,
        )
        return replace(key, source=source) if key is not None else None


def read_logins(
    errors: list[InputError], *, ssh_key: str, passphrase_file: str, certificate: str, become_password_file: str
) -> LoginOptions:
    """Read the files of options; empty paths for those that are not given. What is wrong is put to the errors."""
    given = LoginOptions(
        passphrase=attempt(errors, passphrase_file, read_passphrase) or b"",
        certificate=attempt(errors, certificate, read_certificate) or b"",
        certificate_file=certificate,
        become_password=attempt(errors, become_password_file, read_password) or "",
    )
    if errors:  # a key could not be opened
        return given
    return replace(given, key=attempt(errors, ssh_key, lambda path: given.of_file(Path(path), "--ssh-key")))


def check_offered(key: SSHKey, now: float, subject: str) -> None:
    """Raises InputError where no host would take the key now. now: seconds since the epoch."""
    offered = offered_keys(key, now)
    if not offered.keys:
        raise InputError(offered.problem, subject=subject, reason=offered.reason)
