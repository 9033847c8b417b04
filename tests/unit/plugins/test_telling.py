"""The line of a step's output that tells why it has failed."""

from __future__ import annotations

import pytest

from ansible_collections.capra.machine.plugins.plugin_utils.telling import LENGTH, one_line, telling_line, with_tail


@pytest.mark.parametrize(
    ("output", "told"),
    [
        ("", ""),
        ("\n \n", ""),
        ("one\ntwo\n", "two"),
        # An error before the last line, and the last of several.
        ("Reading package lists...\nE: Unable to locate package foo\nbye\n", "E: Unable to locate package foo"),
        ("first error\nsecond error\n", "second error"),
        ("cp: cannot stat 'x': No such file\n+ exit 1\n", "cp: cannot stat 'x': No such file"),
        # What programs say at any end.
        ("disk is gone\nexit status 1\n", "disk is gone"),
        ("disk is gone\nError: Process completed with exit code 2.\n", "disk is gone"),
        ("cc: fatal error: no input files\nmake: *** [Makefile:3: all] Error 1\n", "cc: fatal error: no input files"),
        (
            "E: Failed to fetch http://a/b  Temporary failure resolving 'a'\n"
            "E: Some index files failed to download. They have been ignored, or old ones used instead.\n",
            "E: Failed to fetch http://a/b  Temporary failure resolving 'a'",
        ),
        (
            "\t[ERROR Swap]: running with swap on is not supported\n[preflight] If you know what you are doing, you can"
            " make a check non-fatal with `--ignore-preflight-errors=...`\nTo see the stack trace of this error execute"
            " with --v=5 or higher\n",
            "[ERROR Swap]: running with swap on is not supported",
        ),
        ("tar: short read\nfailed\n", "tar: short read"),
        ("exit status 1\n", "exit status 1"),
        # Progress, set -x, lines without a word, and no error at all.
        ("gone\n\r 10%\r 55%\r#######   100.0%\n", "gone"),
        ("gone\n 45 100M   45 45.0M    0     0  9.9M      0  0:00:10  0:00:04\n-----\n", "gone"),
        ("gone\n+ set -x\n++ date\n", "gone"),
        ("checked, 0 errors\nstopped\n", "stopped"),
        ("stopped\nchecked, no errors\n", "checked, no errors"),
        ("33\n34\n", "34"),
        ("a\rb: error\r\n", "b: error"),
        # The same twice, once with more.
        ("write error: No space left on device\nwrite error\n", "write error: No space left on device"),
        # Where Capra's own file would stand.
        ("/var/lib/capra/bootstrap-fe9f/0.command: 1: foo: not found\n", "foo: not found"),
        ("/var/lib/capra/x/12.command: line 3: foo: command not found\n", "foo: command not found"),
        ("\x1b[31mfatal: gone\x1b[0m\x07\n", "fatal: gone"),
    ],
)
def test_the_line(output: str, told: str) -> None:
    assert telling_line(output) == told


def test_a_script_of_capras_own_says_its_reason() -> None:
    output = "verify: failed: process kubelet\nstop: error\n"
    assert telling_line(output, own=True) == "verify: failed: process kubelet"
    assert telling_line(output) == "stop: error"


def test_a_long_line_is_cut() -> None:
    assert telling_line("x" * LENGTH) == "x" * LENGTH
    told = telling_line("x" * (LENGTH + 1))
    assert (len(told), told[-2:]) == (LENGTH, "x…")


def test_a_failure_in_one_line() -> None:
    assert one_line("step 1 of 2 failed: a", "b\n", "exit status 3") == "step 1 of 2 failed: a: b (exit status 3)"
    assert one_line("step 1 of 2 failed: a", "", "exit status 3") == "step 1 of 2 failed: a (exit status 3)"


def test_an_output_that_was_told_is_not_told_again() -> None:
    assert with_tail("a: why (1)", "why\n") == "a: why (1)"
    assert with_tail("a (1)", "") == "a (1)"
    assert with_tail("a: why (1)", "one\nwhy") == "a: why (1)\none\nwhy"
    assert with_tail("a: wh… (1)", "why") == "a: wh… (1)\nwhy"


def test_a_long_line_takes_no_time() -> None:
    assert telling_line("." * 200_000) == telling_line("." * 1000)
    assert telling_line("error: " + "x" * 200_000).startswith("error: xxx")
