"""Parts of a run that coverage need not see."""

import sys


def untraced(function):
    """The function, run while the thread's trace function is set aside."""

    def run(*args, **kwargs):
        trace = sys.gettrace()
        if trace is None:
            return function(*args, **kwargs)
        sys.settrace(None)
        try:
            return function(*args, **kwargs)
        finally:
            sys.settrace(trace)

    return run
