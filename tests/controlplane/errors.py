"""What can go wrong with a test control plane."""


class Unavailable(Exception):
    """This machine cannot have one (programs not built, no Go, …); the message is the reason and what to do.

    Callers skip loudly, and fail where the environment says `CI=true`.
    """


class ControlPlaneError(Exception):
    """A control plane did not do what was asked: did not start, did not answer, refused an object."""
