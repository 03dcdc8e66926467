"""The one exception of the local stack: a sentence for the operator who typed the command."""


class StackError(Exception):
    """Something the operator can act on; its text says what happened, why, and what to do now."""
