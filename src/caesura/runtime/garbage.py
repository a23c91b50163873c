"""When Python looks for cycles of objects: seldom, and never among what a process is made of."""

import gc

# New objects that Python must keep track of, before it looks for cycles among them.
_NEW_OBJECTS = 50_000


def spare_what_is_there() -> None:
    """Takes all objects that are there now for ones that stay; to be called once a process is ready, and after imports.

    Of what a message or a request makes nearly all goes by itself. Looking through all that a server is made of takes
    a tenth of a second, in which nobody is answered.
    """
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)
