"""What can go wrong with test hosts."""


class Unavailable(Exception):
    """This machine cannot do it (no root, no nspawn, …); the message is the reason.

    Callers skip loudly, and fail where the environment says `CI=true`.
    """


class HostError(Exception):
    """A host did not do what was asked: did not boot, did not answer, did not stop."""
