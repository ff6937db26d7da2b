"""What a decoder process runs: `main((WALLS, "-m", MODULE))` or `main((WALLS, "-c", PROGRAM))`.

It raises walls, then runs the program within them. WALLS is JSON: {"work", "readable", "packages",
"parent", "strict"}, as of `raising.raise_walls`; packages are imported before, so that nothing looks for them
in a folder that cannot be seen any more. MODULE has a `main`. The process ends with status 78 (EX_CONFIG)
when a wall that has to be there cannot be raised. Each library that is imported here makes each decoder's
start longer.
"""

from __future__ import annotations

import importlib
import json
import sys

from connectors.walls.raising import CannotIsolate, raise_walls

NO_WALLS = 78

COMMAND = ("-P", "-c", f"import sys; from {__name__} import main; main(sys.argv[1:])")
"""Python's arguments, before `main`'s."""


def main(arguments: list[str]) -> None:
    """Run the program; its status is the process's."""
    walls, kind, program = arguments
    given = json.loads(walls)
    for name in given["packages"]:
        importlib.import_module(name)
    module = importlib.import_module(program) if kind == "-m" else None
    try:
        raise_walls(given["work"], given["readable"], given["parent"], strict=given["strict"])
    except CannotIsolate as error:
        print(f"no {error}", file=sys.stderr)
        sys.exit(NO_WALLS)
    if module is not None:
        module.main()
    else:
        exec(compile(program, "<program>", "exec"), {"__name__": "__main__"})  # noqa: S102  # our caller's
