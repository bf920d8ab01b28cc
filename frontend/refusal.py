"""What a converter raises for a use of an op that it can't convert."""


class Unsupported(Exception):
    """Raised by a converter for a use of its op that it can't convert: the reason and what can be done, without place.

    The importer collects these and reports them together with their places.
    """
