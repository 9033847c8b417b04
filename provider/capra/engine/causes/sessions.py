"""The usual remedy where a host let no session begin, by the words of OpenSSH and sudo. Pure.

field: where a machine's fields stand, `spec` or `spec.machine`. terminal: a person can give options; a cluster has the
manifest alone.
"""

from __future__ import annotations

import re

from capra.model.run import Connection

WRONG_CREDENTIALS = re.compile(
    r"Permission denied \(|Too many authentication failures|Invalid/incorrect (username|password)|error in libcrypto"
    r"|Load key .*: invalid format",
    re.IGNORECASE,
)
HOST_KEY = re.compile(r"HOST IDENTIFICATION HAS CHANGED|Host key verification failed", re.IGNORECASE)
BECOME_REFUSED = re.compile(
    r"become was refused|a password is required|Missing \S+ password|Incorrect \S+ password|Sorry, try again"
    r"|not in the sudoers|is not allowed to (run|execute)|you must have a tty|privilege escalation prompt"
    r"|sudo: (command )?not found|may not run sudo|doas: |su: Authentication failure",
    re.IGNORECASE,
)
SENT_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/=]+")

_Rows = tuple[tuple[str, str], ...]

_UNREACHABLE: _Rows = (
    (
        r"could not resolve|name or service not known|name resolution|nodename nor servname",
        "the name {address} cannot be looked up: correct {field}.address, or give an IP address there",
    ),
    (r"refused", "nothing listens there: see that sshd runs, and that {field}.port ({port}) is its port"),
    (
        r"timed out|no route|unreachable",
        "see that the host is up, that {field}.address ({address}) is its address, and that no firewall is between",
    ),
    (
        r"invalid format|banner exchange|exchange_identification|closed by|reset by",
        "see that {field}.port ({port}) is sshd's, and what sshd's log on the host says",
    ),
)
_LOGIN: _Rows = (
    (r"account has expired|account is expired", "renew it on the host: `chage -E -1 {user}`"),
    (
        r"password has expired|required to change your password|password change required",
        "give it a new password on the host, or none that expires: `chage -M -1 {user}`",
    ),
    (
        r"not available|nologin|/bin/false",
        "give the user a shell on the host (`usermod -s /bin/sh {user}`), or name another one in {field}.user",
    ),
    (
        r"booting up|going down|no longer allowed|not permitted to log in",
        "the host lets nobody in now: try again later",
    ),
)
_BECOME: _Rows = (
    (r"not found|no such file", "install {method} on the host, or set {field}.user: root without useSudo"),
    (r"not in the sudoers|may not run sudo|not allowed to|Operation not permitted", "{rule}"),
    (r"must have a tty", "take `requiretty` out of the host's /etc/sudoers"),
    (r"has not answered|timeout|privilege escalation prompt", "let the host resolve its own name (/etc/hosts)"),
)
_REFUSED = re.compile(
    r"incorrect \S* ?password|sorry, try again|incorrect password|authentication failure", re.IGNORECASE
)
_PASSWORD = re.compile(
    r"password is required|missing \S+ password|authentication required|a tty is required"
    r"|has not answered within \d+ s: \S*assword",
    re.IGNORECASE,
)
_RULES = {
    "sudo": "let the user run sudo without one, in the host's /etc/sudoers.d: `{user} ALL=(ALL) NOPASSWD: ALL`",
    "doas": "let the user run doas without one, in the host's /etc/doas.conf: `permit nopass {user} as root`",
    "su": "let another way lead to root ({field}.becomeMethod: sudo)",
}
_GIVEN = "key becomePassword of the Secret of {field}.sshKeyRef, or {field}.becomePasswordRef"


def remedy_of_unreachable(message: str, connection: Connection, field: str) -> str:
    """The rest of a sentence, or nothing."""
    return _find(_UNREACHABLE, message, connection, field)


def remedy_of_login(message: str, connection: Connection, field: str) -> str:
    """The same for a user who was let in but cannot work."""
    return _find(_LOGIN, message, connection, field)


def remedy_of_become(message: str, connection: Connection, field: str, *, terminal: bool) -> str:
    """The same for a user who cannot become root."""
    method, rule = connection.become_method, _RULES[connection.become_method]
    given = f"--become-password-file FILE, or as {_GIVEN}" if terminal else _GIVEN
    if _REFUSED.search(message):
        whose = "root" if method == "su" else "{user}"
        return _filled(f"the password that is given is not that of {whose}: correct it ({given})", connection, field)
    if _PASSWORD.search(message):
        way = f"with {given}" if terminal else f"as {given}"
        # doas asks for one on a terminal only, and a session has none.
        told = f"give it {way}, or {rule}" if method != "doas" else rule
        return _filled(f"{field}.useSudo needs a password for {method}: {told}", connection, field)
    needs = f"{field}.useSudo needs {method} without a password, and a host that resolves its own name"
    return _find(_BECOME, message, connection, field) or needs


def remedy_of_key(connection: Connection, field: str, *, terminal: bool) -> str:
    """The same for a key that is not accepted."""
    key = "--ssh-key or the Secret of {field}.sshKeyRef" if terminal else "the Secret of {field}.sshKeyRef"
    text = "put its public key into the host's ~{user}/.ssh/authorized_keys, or give another user ({field}.user) or key"
    return _filled(f"{text} ({key})", connection, field)


def _find(rows: _Rows, message: str, connection: Connection, field: str) -> str:
    found = (remedy for pattern, remedy in rows if re.search(pattern, message, re.IGNORECASE))
    return _filled(next(found, ""), connection, field)


def _filled(text: str, connection: Connection, field: str) -> str:
    values = {"address": connection.address, "port": connection.port, "user": connection.user, "field": field}
    method = connection.become_method
    return text.format(**values, method=method, rule=_RULES[method].format(**values))
