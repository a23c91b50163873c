"""What goes wrong, told on standard error: a line for each problem, and never a traceback for what was foreseen."""

import errno
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import replace

from caesura.domain.errors import CaesuraError, Conflict, Invalid, Problem
from caesura.runtime import environment


def exit_status(command: Callable[[], object]) -> int:
    """Runs a command and answers the status to end with; tells what it raised. SystemExit passes through."""
    try:
        command()
    except CaesuraError as error:
        tell(error)
    except BrokenPipeError:
        # Whoever read our output (such as `head`) has seen enough. Nothing more may be written at the exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            _print(
                f"no space is left{f' for {error.filename}' if error.filename else ''}: not all was written [disk_full]"
            )
        elif environment.is_debugging():
            traceback.print_exc()
        else:
            _print(f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:500]}")
            _print("this is a defect of Caesura; to see where it happened, set CAESURA_DEBUG=1 and try again")
    else:
        return 0
    return 1


def check_text(arguments: Sequence[str]) -> None:
    """Raises Invalid `argument_not_text` for an argument with bytes that are no characters: nothing could keep it."""
    for argument in arguments:
        try:
            argument.encode("utf-8")
        except UnicodeEncodeError:
            detail = f"the argument {argument!r} is not text in the system's encoding, {sys.getfilesystemencoding()}"
            raise Invalid.of(Problem("argument_not_text", detail)) from None


def tell(error: CaesuraError) -> None:
    """Prints an error: each of its problems with code and place, or its own detail and code."""
    for line in lines_of(error):
        _print(line)


def lines_of(error: CaesuraError) -> list[str]:
    """The lines that tell an error."""
    if error.problems:
        return [str(problem) for problem in error.problems]
    line = f"{error.detail} [{error.code}]"
    if isinstance(error, Conflict) and error.allowed:
        line += f" (possible now: {', '.join(error.allowed)})"
    return [line]


def in_file(error: Invalid, file: str) -> Invalid:
    """The same problems, with the file that their pointers are into. Lines are those of a text, not of the file."""
    problems = error.problems or (Problem(error.code, error.detail),)
    return Invalid.of(*(_in_file(problem, file) for problem in problems))


def _in_file(problem: Problem, file: str) -> Problem:
    if problem.file is not None:
        return problem
    within = f" (line {problem.line} of the text)" if problem.line is not None else ""
    return replace(problem, file=file, line=None, detail=problem.detail + within)


def of_options(error: Invalid) -> Invalid:
    """The same problems, with pointers such as /resume_at as the options that they came from."""
    return Invalid.of(
        *(
            replace(one, pointer=f"--{one.pointer.strip('/').replace('_', '-')}" if one.pointer else None)
            for one in error.problems
        )
    )


def _print(line: str) -> None:
    print(f"caesura: {line}", file=sys.stderr)
