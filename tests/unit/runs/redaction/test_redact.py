"""No run of eight characters of a secret is shown, wherever it was cut and whatever it was encoded in."""

from __future__ import annotations

import base64
import json
import random
import re
import shlex
import string
import time
import urllib.parse
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from capra.bootstrap import RunCommand, WriteFile
from capra.cli.text import printable
from capra.engine.redaction.hidden import Hidden, hidden_in, hidden_in_commands
from capra.model.run import RunSecrets
from capra.runs.redaction import needles
from capra.runs.redaction.redact import HIDDEN, Redactor, _without


def redactor(hidden: Hidden) -> Redactor:
    return Redactor.of(
        RunSecrets(hidden=tuple(hidden.parts), credentials=tuple(hidden.credentials), wholes=tuple(hidden.wholes))
    )


def shows(text: str, secret: str) -> list[str]:
    """The runs of eight characters of the secret that stand in the text."""
    return [secret[at : at + 8] for at in range(len(secret) - 7) if secret[at : at + 8] in text]


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "json": json.dumps,
    "json within json": lambda text: json.dumps(json.dumps(text)),
    "json as unicode": lambda text: json.dumps(text, ensure_ascii=False),
    "shell": shlex.quote,
    "shell within json": lambda text: json.dumps(shlex.quote(text)),
    "shell with backslashes": lambda text: re.sub(r"([^A-Za-z0-9_])", r"\\\1", text),
    "percent": lambda text: urllib.parse.quote(text, safe=""),
    "percent within json": lambda text: json.dumps(urllib.parse.quote(text)),
}
DIGITS: dict[str, Callable[[bytes], str]] = {
    "base64": lambda data: base64.b64encode(data).decode(),
    "base64 for URLs": lambda data: base64.urlsafe_b64encode(data).decode(),
    "hexadecimal": bytes.hex,
}

# Anything printable but what a chunk of bootstrap data ends at.
SECRETS = st.text(st.sampled_from(string.ascii_letters + string.digits + "+/=_-.!@#%^&*~?ü€"), min_size=8, max_size=60)
RANDOM = random.Random(18)
TOKEN = "".join(RANDOM.choices(string.ascii_letters, k=2000))


@settings(max_examples=150)
@given(secret=SECRETS, name=st.sampled_from(sorted(ENCODINGS)), cut=st.integers(0, 40), end=st.integers(0, 20))
@example(secret="aaaaaaaa", name="plain", cut=0, end=0)
@example(secret="00000000", name="json", cut=1, end=0)
@example(secret="pass'word\\\"1", name="shell within json", cut=0, end=0)
def test_no_part_of_a_credential_is_shown(secret: str, name: str, cut: int, end: int) -> None:
    told = ENCODINGS[name](f"before {secret} after")
    told = told[cut : len(told) - end]
    shown = Redactor.of(RunSecrets(credentials=(secret,))).text(told)
    for read in (shown, _read(shown)):
        assert not [run for run in shows(read, secret) if any(character.isalnum() for character in run)]


CONTROLS = ["\0", "\x1b[0m", "\x1b[1;31m", "\r", "\x7f", "\x9b", "\a", "\x1b"]


@settings(max_examples=150)
@given(secret=SECRETS, control=st.sampled_from(CONTROLS), every=st.integers(1, 8), escaped=st.booleans())
@example(secret="S3cretTokenABCDEFGH1234zz", control="\0", every=1, escaped=False)
@example(secret="S3cretTokenABCDEFGH1234zz", control="\x1b[0m", every=7, escaped=True)
def test_what_a_terminal_does_not_show_hides_nothing(secret: str, control: str, every: int, escaped: bool) -> None:
    """Control characters are taken out before a person sees the text; JSON keeps them."""
    told = "".join(secret[at : at + every] + control for at in range(0, len(secret), every))
    shown = Redactor.of(RunSecrets(credentials=(secret,))).text(json.dumps(told) if escaped else told)
    read = printable(json.loads(shown)) if escaped and shown.endswith('"') else printable(shown)
    assert not [run for run in shows(read, secret) if any(character.isalnum() for character in run)]


def _read(text: str) -> str:
    """As somebody would read it who takes the encodings off again."""
    unescaped = re.sub(r"\\u([0-9a-f]{4})", lambda match: chr(int(match[1], 16)), text.replace("'\\''", "'"))
    return urllib.parse.unquote(re.sub(r"\\+(.)", r"\1", unescaped))


@settings(max_examples=100)
@given(
    secret=st.binary(min_size=16, max_size=200).map(lambda data: base64.b85encode(data).decode()),
    name=st.sampled_from(sorted(DIGITS)),
    before=st.binary(max_size=5),
    cut=st.integers(0, 30),
)
def test_no_part_is_shown_in_digits(secret: str, name: str, before: bytes, cut: int) -> None:
    told = DIGITS[name](before + secret.encode() + b"\nafter")[cut:]
    shown = Redactor.of(RunSecrets(hidden=(secret,))).text(f"said {told} so")
    left = shown.replace(HIDDEN, "")
    for place in range(4):
        for digits in re.findall(r"[A-Za-z0-9+/_-]{11,}", left):
            part = digits[place:].replace("-", "+").replace("_", "/")
            assert not shows(base64.b64decode(part + "A" * (-len(part) % 4)).decode("latin-1"), secret)
    for place in range(2):
        for digits in re.findall(r"[0-9a-f]{16,}", left):
            part = digits[place:]
            assert not shows(bytes.fromhex(part[: len(part) // 2 * 2]).decode("latin-1"), secret)
    assert shown.startswith("said ")
    assert shown.endswith(" so")


@pytest.mark.parametrize("mode", ["0644", "0600"])
@pytest.mark.parametrize("start", [0, 1, 7, 450, 1991])
def test_a_token_whose_head_was_cut_off(mode: str, start: int) -> None:
    steps = (WriteFile("/etc/token", TOKEN.encode(), mode), RunCommand("echo $(cat /etc/token) && seq 1000; false"))
    shown = redactor(hidden_in(steps)).text(f"{TOKEN[start:]}\n1\n2\n/etc/token: no such file\n")
    assert not shows(shown, TOKEN)
    assert shown.endswith("\n1\n2\n/etc/token: no such file\n")


@pytest.mark.parametrize(
    "command",
    [
        "mysql -ps3cretpw -h db; echo login as admin:s3cretpw@db; false",
        "mysql -u root --password=s3cretpw",
        "mysql --password s3cretpw",
        "PGPASSWORD=s3cretpw psql",
        "PGPASSWORD='s3cretpw' psql",
        "curl -u admin:s3cretpw https://db",
        "curl https://admin:s3cretpw@db/x",
        'curl -H "Authorization: Bearer s3cretpw" db',
        "echo s3cretpw | sudo -S true",
    ],
)
@pytest.mark.parametrize("as_file", [False, True])
def test_a_short_password(command: str, as_file: bool) -> None:
    told = "login as admin:{0}@db, -p{0}, '{0}', {0}".format
    for password in ("s3cretpw", "abcdqwer", "Sommer2024!", "x7.k:2,z-9", "controller"):
        line = command.replace("s3cretpw", password)
        if password in ("controller", "x7.k:2,z-9") and "sudo" in line:
            continue  # nothing tells these from other words
        step = WriteFile("/x", f"{line}\n".encode()) if as_file else RunCommand(line)
        shown = redactor(hidden_in([step])).text(told(password))
        assert not shows(shown, password), shown
        assert shown.startswith("login as ")
        if "echo" not in line:
            assert not shows(redactor(hidden_in_commands([line])).text(f"cleanUpCommands[0]: {line}"), password)


def test_lines_of_configuration_files() -> None:
    text = "user = app\npassword = hunter2x\n{'token': 'abcdefgh'}\nurl: postgres://app:qwertzui@db.example.com/app\n"
    hide = redactor(hidden_in([WriteFile("/etc/app", text.encode())]))
    for secret in ("hunter2x", "abcdefgh", "qwertzui"):
        assert not shows(hide.text(f"bad value {secret}, see /etc/app"), secret)
    assert hide.text("see /etc/app") == "see /etc/app"


def test_a_secret_line_of_words_is_hidden_where_only_its_owner_may_read_it() -> None:
    phrase = "correct horse battery staple"
    hide = redactor(hidden_in([WriteFile("/etc/phrase", f"{phrase}\n".encode(), "0600")]))
    assert not shows(hide.text(f"said {phrase[5:]}"), phrase)


def test_ordinary_words_stay_readable() -> None:
    script = (
        "#!/bin/sh\nset -e\nmkdir -p /etc/systemd/system\ncp k0s /usr/local/bin/k0s\nsystemctl daemon-reload\n"
        "apt-get install -y conntrack --no-install-recommends\nk0s install controller --data-dir=/var/lib/k0s\n"
    )
    hide = redactor(hidden_in([WriteFile("/opt/run.sh", script.encode(), "0755"), RunCommand("/opt/run.sh --verbose")]))
    for said in (
        "/opt/run.sh: 4: cp: cannot stat 'k0s': No such file or directory",
        "Failed to reload daemon: Connection timed out; see systemctl status k0scontroller.service",
        "cp: cannot create regular file '/usr/local/bin/k0s': Text file busy",
        "E: Unable to locate package conntrack",
        "controller: unknown flag: --data-dirs; 192.0.2.10:6443 refused, v1.34.4",
    ):
        assert hide.text(said) == said


def test_longer_texts_are_hidden_before_shorter_ones() -> None:
    """A text that stands within another must not leave the rest of it behind."""
    whole = "a line with several ordinary words"
    inner = ("several ordinary", "a line with", "a line with several")
    for wholes in ((*inner, whole), (whole, *inner)):
        assert Redactor.of(RunSecrets(wholes=wholes)).text(f"x {whole} y") == f"x {HIDDEN} y"
    overlapping = Redactor.of(RunSecrets(credentials=("abc", "abcdef")))
    assert overlapping.text("abcdef!") == f"{HIDDEN}!"


def test_a_character_is_never_cut_in_two() -> None:
    text = "aéÿ€↿😀z"
    data = text.encode()
    bounds = [len(text[:count].encode()) for count in range(len(text) + 1)]
    for start in range(len(data)):
        for stop in range(start + 1, len(data) + 1):
            before, after = _without(data, [(start, stop)]).split(HIDDEN.encode())
            assert before == data[: max(bound for bound in bounds if bound <= start)]
            assert after == data[min(bound for bound in bounds if bound >= stop) :]


@pytest.mark.parametrize(
    ("spans", "shown"),
    [
        ([(0, 5), (1, 3), (5, 6)], f"{HIDDEN}gh"),
        ([(1, 5), (1, 3), (4, 6)], f"a{HIDDEN}gh"),
        ([(0, 1), (2, 3), (7, 8)], f"{HIDDEN}b{HIDDEN}defg{HIDDEN}"),
    ],
)
def test_what_touches_is_hidden_once(spans: list[tuple[int, int]], shown: str) -> None:
    assert _without(b"abcdefgh", spans).decode() == shown


def test_what_lists_and_mappings_hold_is_hidden() -> None:
    hide = Redactor.of(RunSecrets(credentials=("abcdefgh",)))
    told = {"abcdefgh": ["x abcdefgh", ("abcdefgh", 1, None)], "n": {"m": "abcdefgh"}, "f": 0.5, "t": True}
    shown = {"abcdefgh": [f"x {HIDDEN}", [HIDDEN, 1, None]], "n": {"m": HIDDEN}, "f": 0.5, "t": True}
    assert hide.data(told) == shown


def test_no_part_of_the_key_nor_a_short_become_password_is_shown() -> None:
    lines = [TOKEN[at : at + 70] for at in range(0, 700, 70)]
    key = "\n".join(["-----BEGIN OPENSSH PRIVATE KEY-----", *lines, "-----END OPENSSH PRIVATE KEY-----", ""])
    for secrets in (
        RunSecrets(ssh_key=key, become_password="pw1"),
        RunSecrets("", "pw1", openssh_key=key),
        RunSecrets("", "pw1", further_keys=("another", key)),
        RunSecrets("", "pw1", given_keys=(key,)),
        RunSecrets(ssh_key=key, login_password="pw1"),
    ):
        hide = Redactor.of(secrets)
        for line in lines:
            assert hide.text(f"bad line {line[5:40]}, pw1") == f"bad line {HIDDEN}, {HIDDEN}"
        assert hide.text("no -----BEGIN OPENSSH PRIVATE KEY-----") == "no -----BEGIN OPENSSH PRIVATE KEY-----"


def test_json_stays_json() -> None:
    secret = 'x"1ü\\2\n3-zzzzzzzz'
    hide = Redactor.of(RunSecrets(hidden=(secret,)))
    for ascii_only in (True, False):
        text = json.dumps({"a": f"1 {secret} 2", "b": [secret[1:]]}, ensure_ascii=ascii_only)
        assert json.loads(hide.text(text))["a"] == f"1 {HIDDEN} 2"


def _cost(size: int) -> float:
    """CPU seconds to hide words from this many lines; shows that they are hidden."""
    words = [base64.b64encode(RANDOM.randbytes(30)).decode() for _ in range(size)]
    steps = [WriteFile(f"/f{n}", " ".join(words[n * 100 : n * 100 + 100]).encode()) for n in range(size // 100)]
    output = "".join(f"line {n} of the output {word[5:25]} done\n" for n, word in enumerate(words))
    started = time.process_time()
    shown = redactor(hidden_in(steps)).text(output)
    took = time.process_time() - started
    assert shown == re.sub(r"output \S+", f"output {HIDDEN}", output)
    return took


def test_large_data_and_large_output_cost_no_more_a_line_than_small_ones() -> None:
    small = max(_cost(2_000) for _ in range(3))
    # Ten times as much; twice that for what a busy machine does to figures.
    assert _cost(20_000) < 20 * small


@pytest.mark.parametrize("output", ["a" * 1_000_000, "\\" * 1_000_000, "'" * 1_000_000, "%41" * 300_000])
def test_no_output_is_slow(output: str) -> None:
    steps = [WriteFile(f"/f{n}", f"aaaaaaaa line {n}\n".encode() * 40) for n in range(1000)]
    started = time.process_time()
    redactor(hidden_in(steps)).text(output)
    assert time.process_time() - started < 10.0


def test_beyond_the_limit_short_secrets_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "PARTS_LIMIT", 500)
    hide = Redactor.of(RunSecrets(hidden=("Q" + TOKEN[:1000], "tok3n-abcdef")))
    assert hide.text("cut off: k3n-abcdef") == f"cut off: {HIDDEN}"
    assert hide.text(f"whole: Q{TOKEN[:1000]}") == f"whole: {HIDDEN}"


def test_beyond_the_limit_short_credentials_still_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "PARTS_LIMIT", 500)
    hide = Redactor.of(RunSecrets(credentials=("Q" + TOKEN[:1000], "tok3n-abcdef", "abc")))
    assert hide.text("cut off: k3n-abcdef, abc") == f"cut off: {HIDDEN}, {HIDDEN}"
    assert hide.text(f"whole: Q{TOKEN[:1000]}") == f"whole: {HIDDEN}"
    assert hide.text(TOKEN[100:200]) == TOKEN[100:200]


def test_nobody_s_data_takes_the_place_of_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "PARTS_LIMIT", 500)
    key = f"-----BEGIN OPENSSH PRIVATE KEY-----\n{TOKEN[:70]}\n-----END OPENSSH PRIVATE KEY-----\n"
    password = "Become" + TOKEN[70:700]
    others = tuple(f"{number:08}" for number in range(1000))
    hide = Redactor.of(RunSecrets(key, password, openssh_key=key, credentials=others, hidden=others))
    assert hide.text(f"{TOKEN[20:40]} {password[100:120]}") == f"{HIDDEN} {HIDDEN}"


def test_many_credentials_take_no_more_memory_than_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(needles, "PARTS_LIMIT", 10_000)
    looked_for = needles.Needles([], [f"{number:020x}" for number in range(20_000)], [])
    assert len(looked_for._runs) < 15_000


@pytest.mark.parametrize("count", [1, needles.FEW, needles.FEW + 1, 5_000])
def test_however_many_short_ones_there_are(count: int) -> None:
    hide = Redactor.of(RunSecrets(credentials=tuple(f"p{number:05}" for number in range(count))))
    assert hide.text(f"p00000 p{count - 1:05} and p99999") == f"{HIDDEN} {HIDDEN} and p99999"


def test_many_short_ones_cost_no_more_than_some() -> None:
    text = "the quick brown fox " * 5_000

    def cost(count: int) -> float:
        hide = Redactor.of(RunSecrets(credentials=tuple(f"p{number:05}" for number in range(count))))
        started = time.process_time()
        assert hide.text(text) == text
        return time.process_time() - started

    # A hundred times as many; ten times that for what a busy machine does to figures.
    assert cost(50_000) < 10 * max(cost(500) for _ in range(3))


@pytest.mark.parametrize(("part", "hidden"), [("x7kq9zQ", False), ("x7kq9zQp", True), ("x7kq9zQpw", True)])
def test_a_part_is_hidden_from_eight_characters_on(part: str, hidden: bool) -> None:
    assert (part not in Redactor([part]).text(f"it is {part} here")) is hidden
