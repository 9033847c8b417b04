"""What is told of a host that another machine uses, and to whom."""

from __future__ import annotations

from typing import Any

import pytest

from capra.engine.told.claimed import sentence

UID = "6a4c6b0e-0b1c-4b7e-9d0f-0c8f9a1d2e3f"
AT = {"since": 1764108000}


@pytest.mark.parametrize(
    ("claimed", "one_owner", "told", "value"),
    [
        ({"uid": UID, "name": "a/one"} | AT, False, f"a/one (UID {UID}) since 2025-11-25T22:00:00Z;", UID),
        ({"uid": UID, "name": "b/two"}, False, f"a machine of another namespace (UID {UID});", UID),
        ({"uid": UID, "name": "b/two"}, True, f"b/two (UID {UID});", UID),
        ({"uid": UID, "name": "A/two"}, False, f"a machine of another namespace (UID {UID});", UID),
        ({"uid": UID, "since": 1}, False, f"a machine without a name (UID {UID}) since 1970-01-01T00:00:01Z;", UID),
        ({"uid": UID, "since": -1}, False, f"a machine without a name (UID {UID});", UID),
        ({"uid": "", "name": "a/one"}, False, "a/one;", "a/one"),
        (
            {"uid": "", "name": "b/two"},
            False,
            "a machine of another namespace;",
            "the name that stands in the host's",
        ),
        ({"uid": "", "name": "", "since": 0}, False, "a machine without a name;", "unknown"),
        ({"uid": UID}, False, f"a machine without a name (UID {UID});", UID),
        ({}, True, "a machine without a name;", "unknown"),
    ],
)
def test_a_tenant_is_not_told_the_names_of_other_namespaces(
    claimed: dict[str, Any], one_owner: bool, told: str, value: str
) -> None:
    text = sentence(claimed, "a", one_owner=one_owner)
    assert f"the host is used by {told} nothing was run" in text
    assert f"(or --take-over) to {value}" in text
    assert one_owner or "b/two" not in text
