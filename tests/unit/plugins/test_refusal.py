"""Why a host has run nothing: by evidence first, and in the host's own words."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.capra.machine.plugins.plugin_utils.frame import BEGIN, END, framed
from ansible_collections.capra.machine.plugins.plugin_utils.refusal import EATEN, LOGIN, SHELL, Answer, refusal, telling
from ansible_collections.capra.machine.plugins.plugin_utils.session import FIRST_LINE, LOADER

ADDED = "Warning: Permanently added '192.0.2.7' (ED25519) to the list of known hosts."
CLOSED = "Connection closed by 192.0.2.7 port 22"
UNKNOWN = "Connection closed by UNKNOWN port 65535"
PROXY = "nc: connect to 192.0.2.7 port 22 failed\nkex_exchange_identification: Connection closed by remote host"

CASES = {
    "refused": (Answer(255, stderr="ssh: connect to host h port 22: Connection refused", let_in=False), "unreachable"),
    "closed without a word": (Answer(255, stderr=f"{ADDED}\n{CLOSED}", let_in=False), "unreachable"),
    "a proxy's words": (Answer(255, stderr=f"{PROXY}\n{UNKNOWN}", let_in=False), "unreachable"),
    "a bastion that refuses the key": (
        Answer(255, stderr=f"root@bastion: Permission denied (publickey).\n{UNKNOWN}", let_in=False),
        "unreachable",
    ),
    "a bastion with another key": (
        Answer(255, stderr=f"Host key verification failed.\n{UNKNOWN}", let_in=False),
        "unreachable",
    ),
    "a banner, and closed": (
        Answer(255, stderr=f"{ADDED}\nYour account has expired.\n{CLOSED}", let_in=False),
        "login_failed",
    ),
    "key refused, with a banner": (
        Answer(255, stderr=f"Authorized use only\n{ADDED}\nroot@h: Permission denied (publickey).", let_in=False),
        "wrong_credentials",
    ),
    "too many keys": (
        Answer(255, stderr="Received disconnect from h port 22:2: Too many authentication failures", let_in=False),
        "wrong_credentials",
    ),
    "another host key": (Answer(255, stderr="Host key verification failed.", let_in=False), "host_key"),
    "a host that says what ssh says": (
        Answer(255, "root@h: Permission denied (publickey).", "Host key verification failed.", let_in=True),
        "login_failed",
    ),
    "lost": (Answer(255, stderr="client_loop: send disconnect: Broken pipe", let_in=True), "lost"),
    "a shell that ends": (Answer(1, "This account is currently not available.", let_in=True), "login_failed"),
    "sudo's words and no shell": (
        Answer(1, "sudo: a password is required", become="sudo", let_in=True),
        "login_failed",
    ),
    "hangs before become": (Answer(None, become="sudo", let_in=True, waited=32), "login_failed"),
    "hangs in become": (Answer(None, LOGIN, become="sudo", let_in=True, waited=32), "become_refused"),
    "become in any language": (
        Answer(1, LOGIN, "sudo: se requiere una contraseña", become="sudo", let_in=True),
        "become_refused",
    ),
    "standard input was read": (Answer(0, f"{SHELL}\n\n{EATEN}", let_in=True), "login_failed"),
    "a shell that is none": (Answer(2, f"{LOGIN}\n{SHELL}", "Syntax error", become="sudo", let_in=True), "host_error"),
    "plain Ansible, not let in": (Answer(255, stderr="root@h: Permission denied (publickey)."), "wrong_credentials"),
    "plain Ansible, let in": (Answer(142, 'Please login as the user "debian"'), "login_failed"),
}


@pytest.mark.parametrize("name", CASES)
def test_reasons(name: str) -> None:
    answer, reason = CASES[name]
    assert refusal(answer).reason == reason
    assert "Permanently added" not in refusal(answer).message


@given(st.text(), st.text(), st.integers(0, 254))
def test_words_decide_nothing_where_there_is_evidence(stdout: str, stderr: str, rc: int) -> None:
    words = "Permission denied (publickey). sudo: a password is required. Host key verification failed."
    said = Answer(rc, f"x{stdout}{words}\n{LOGIN}\n", f"{stderr}{words}", become="sudo", let_in=True)
    assert refusal(said).reason == "become_refused"


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(1, 'Please login as the user "debian".', f"{ADDED}\n"), 'Please login as the user "debian".'),
        (Answer(1, "", f"{ADDED}\n{CLOSED}"), CLOSED),
        (Answer(1, f"{LOGIN}\n{SHELL}", ""), "no reason was given"),
        (Answer(1, "", "", said="Missing sudo password"), "Missing sudo password"),
        (Answer(1, "b", "a\n******\na"), "a; b"),
        (Answer(1, "", "sudo: unable to resolve host n: x\nsudo: denied"), "sudo: denied"),
    ],
)
def test_the_most_telling_lines(answer: Answer, told: str) -> None:
    assert telling(answer) == told


@given(st.text(alphabet="ab \r\n"), st.lists(st.text(alphabet="xyz ", min_size=1)), st.text(alphabet="ab\n"))
def test_the_frame_is_found_in_whatever_stands_around(before: str, lines: list[str], after: str) -> None:
    text = "\n".join([before, BEGIN, *lines, END, after])
    assert framed(text) == (lines, True)
    told = "".join(f"{line}\n" for line in lines)
    for half in ("", "since 1", "cap"):
        assert framed(f"{before}\n{BEGIN}\n{told}{half}") == (lines, False)
    assert framed(before) is None


@pytest.mark.parametrize("shell", [["dash"], ["bash", "--posix"], ["busybox", "sh"]], ids=["dash", "bash", "busybox"])
@pytest.mark.parametrize("eaten", [0, 1, 5, len(FIRST_LINE) + 1, 40, 10_000])
def test_half_a_program_is_never_run(shell: list[str], eaten: int) -> None:
    program = "echo first\n" + "true\n" * 1000 + "echo last\n"
    sent = f"{FIRST_LINE}\n{program}"[eaten:]
    done = subprocess.run([*shell, "-c", LOADER], input=sent, capture_output=True, text=True, check=False)
    words = [line for line in done.stdout.splitlines() if line]
    assert words == ([SHELL, "first", "last"] if eaten == 0 else [SHELL, EATEN])
