"""What is reported of a host that another machine uses. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from capra.model.machine import TAKE_OVER_ANNOTATION
from capra.model.status import timestamp

UNKNOWN = "unknown"
"""The value that takes a host over from a machine of which neither UID nor name is known."""

NAME_ON_HOST = "the name that stands in the host's file /var/lib/capra/claim"


def sentence(claimed: Mapping[str, Any], namespace: str, *, one_owner: bool) -> str:
    """claimed: `uid`, `name` (namespace/name) and `since` (seconds since the epoch), as far as the host told them.
    namespace: of the asking machine. one_owner: names of other namespaces may be told. Otherwise the UID is: it says
    nothing to those without rights there, and leads the others to the object."""
    uid, name, since = str(claimed.get("uid", "")), str(claimed.get("name", "")), int(claimed.get("since", 0) or 0)
    hidden = bool(name) and not one_owner and name.partition("/")[0] != namespace
    shown = "a machine of another namespace" if hidden else name or "a machine without a name"
    told = f"{shown} (UID {uid})" if uid else shown
    when = f" since {timestamp(since)}" if since > 0 else ""
    value = uid or (NAME_ON_HOST if hidden else name or UNKNOWN)
    return (
        f"the host is used by {told}{when}; nothing was run. It becomes free when that machine's cleanup has"
        f" succeeded. To take the host over, set the annotation {TAKE_OVER_ANNOTATION} (or --take-over) to {value}"
    )
