#!/bin/sh
# Called by ssh with a question, instead of a person: answers the one for the password of the run's own host, and no other.
# A jump host on the way, whose ssh inherits the environment, asks under another name and gets nothing.
[ "${1-}" = "$(cat "${CAPRA_ASKPASS:?}/prompt")" ] && exec cat "$CAPRA_ASKPASS/password"
exit 1
