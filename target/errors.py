"""The one root of every refusal."""


class CedrError(Exception):
    """A refusal: its text is the whole message for the user, located and actionable."""
