"""What can go wrong between this package and the simulator."""


class DuoloopError(Exception):
    """Something that the user can mend: the message says what is wrong, where, and what to do."""


class ServerError(DuoloopError):
    """The simulator ended, refused to start or sent what cannot be read. The environment is of no further use."""
