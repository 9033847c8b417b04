"""Documents that Capra and cloud-init both carry out, for hypothesis: many entries each, with names of their own."""

from __future__ import annotations

import base64
import gzip
from itertools import count
from typing import Any

import yaml
from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

_NUMBERS = count(1)
"""What is made is there for all that come after: no two documents share a name."""

WORDS = ["a", "two words", "it's", '"', "$HOME", "`id`", "\\n", "%s", ";", "é", "*", "-n", "#", "~", "&&"]
CONTENT = st.text(st.sampled_from("ab \n\t'\"\\$%{}#é\r"), max_size=40).filter(lambda text: "{{" not in text)
MODES = st.sampled_from(["0644", "0600", "755", "0o640", "0400", "1777", "0o0711"])
OWNERS = st.sampled_from(["root", "nosudo", "nosudo:adm", "root:adm", "nosudo:nosudo"])


def _encoded(content: str, name: str) -> str:
    data = content.encode()
    if name.startswith("g"):
        data = gzip.compress(data, mtime=0)
    return base64.b64encode(data).decode() if name else content


@st.composite
def files(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Entries of write_files; `§` stands for the document's number."""
    found = []
    for index in range(draw(st.integers(1, 12))):
        encoding = draw(st.sampled_from(["", "", "b64", "base64", "gz+b64", "gzip+base64"]))
        file: dict[str, Any] = {
            "path": f"/opt/made§/{draw(st.sampled_from(['', 'sub/', 'a b/', 'sub/deep/', './']))}{index % 9}",
            "content": _encoded(draw(CONTENT), encoding),
            **draw(st.fixed_dictionaries({}, optional={"owner": OWNERS, "defer": st.booleans()})),
            **({"encoding": encoding} if encoding else {}),
        }
        # Capra leaves the mode of what it appends to unless the document says one (`decided.yaml`).
        append = draw(st.booleans())
        if append:
            file["append"] = True
        if append or draw(st.booleans()):
            file["permissions"] = draw(MODES)
        found.append(file)
    return found


@st.composite
def users(draw: st.DrawFn) -> list[Any]:
    """Entries of users."""
    settings = st.fixed_dictionaries(
        {},
        optional={
            "gecos": st.sampled_from(["A. User", "A, b, c", "é"]),
            "shell": st.sampled_from(["/bin/bash", "/bin/sh", "/usr/sbin/nologin"]),
            "homedir": st.sampled_from(["/srv/home§/#", "/opt/home§/deep/#"]),
            "groups": st.sampled_from(["adm", "adm, users", ["users", "made§"], "made§"]),
            "primary_group": st.sampled_from(["users", "first§"]),
            "system": st.just(True),
            "no_create_home": st.just(True),
            "hashed_passwd": st.sampled_from(["$6$salt$abcdefghij", "$y$j9T$salt$abc"]),
            "passwd": st.just("$6$salt$klmnopqrst"),
            "expiredate": st.sampled_from(["2040-12-31", "1999-01-01"]),
            "inactive": st.sampled_from(["0", "30"]),
            "sudo": st.sampled_from(["ALL=(ALL) NOPASSWD:ALL", ["ALL=(root) NOPASSWD:/bin/true"]]),
            "no_log_init": st.booleans(),
        },
    )
    found: list[Any] = []
    for index in range(draw(st.integers(0, 4))):
        name = f"u§-{index}"
        user = yaml.safe_load(yaml.safe_dump(draw(settings)).replace("#", name))
        # Without a hash there is nothing to unlock: a system whose users log in with nothing is nobody's wish.
        if user.keys() & {"passwd", "hashed_passwd"} and draw(st.booleans()):
            user["lock_passwd"] = False
        found.append({"name": name, **user} if user else name)
    return found


@st.composite
def commands(draw: st.DrawFn, log: str) -> list[Any]:
    """Entries of bootcmd or runcmd, each of which tells its words in the log."""
    found: list[Any] = []
    for word in draw(st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4), max_size=5)):
        quoted = " ".join("'" + one.replace("'", "'\\''") + "'" for one in word)
        text = f"printf '<%s>' {quoted} >> {log}"
        found.append(text if draw(st.booleans()) else ["sh", "-c", f'printf "[%s]" "$@" >> {log}', "sh", *word])
    return found


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    """User data."""
    log = "/var/tmp/made§"
    # This cloud-init makes a primary group of its own accord only where there are other groups as well.
    more: st.SearchStrategy[list[Any]] = st.sampled_from(
        [["made§"], [{"made§": ["nosudo"]}, "other§"], [{"other§": ["ops", "nosudo"]}]]
    )
    document = {
        "write_files": draw(files()),
        "users": draw(users()),
        "groups": ["first§", *draw(more)],
        "bootcmd": draw(commands(log)),
        "runcmd": [f"echo {log} >> {log}", *draw(commands(log))],
    }
    text = yaml.safe_dump({key: value for key, value in document.items() if value}, allow_unicode=True)
    # cloud-init's names: a number at the end keeps them apart.
    return f"#cloud-config\n{text.replace('§', str(next(_NUMBERS)))}".encode()
