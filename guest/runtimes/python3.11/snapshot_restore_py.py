"""
What a function wants done before a template is taken after its init, and in each clone of it: closing and opening
again what must not be shared. Functions import it by this name.
"""

_before, _after = [], []


def register_before_snapshot(func, *args, **kwargs):
    """Runs before the template is taken; what was registered last runs first."""
    _before.append((func, args, kwargs))


def register_after_restore(func, *args, **kwargs):
    """Runs in each clone before its first invocation, in the order of registration."""
    _after.append((func, args, kwargs))


def get_before_snapshot():
    return list(reversed(_before))


def get_after_restore():
    return list(_after)
