"""What is left out of each start: half a second of it is loading libraries, a tenth of that for nothing."""

import gc
import importlib
import os
import sys
from collections.abc import Mapping
from types import ModuleType

STAND_INS: Mapping[str, Mapping[str, object]] = {
    # pydantic looks through every installed package for plugins, of which we have none. Even where it is
    # told not to, it loads what it would look with, which reads e-mail and archives.
    "pydantic.plugin._loader": {"get_plugins": tuple},
    # numpy writes the docstrings of its functions in C.
    "numpy._core._add_newdocs": {},
    "numpy._core._add_newdocs_scalars": {},
    # numpy lists the names of every type there is, of which it needs one for the annotation of a result.
    "numpy._typing": {"NDArray": list, "__getattr__": lambda name: _wanted("numpy._typing", name)},
}
"""Modules that nothing here needs, by what is asked of them. Where a library renames one, it has its own."""


def _wanted(module: str, name: str) -> object:
    """What somebody asks of a module after all; the import system itself asks what kind of module it is."""
    if name.startswith("__"):
        raise AttributeError(name)
    stand_in = sys.modules.pop(module)
    vars(stand_in).update(vars(importlib.import_module(module)))
    return getattr(stand_in, name)


def begin() -> None:
    """To be called before any library is loaded."""
    # Nothing that modules leave behind is garbage, and looking for it costs a tenth of the start: `cli.run`
    # turns the collector on again when the command is loaded.
    gc.disable()
    # numpy's BLAS would start a thread for each core, which spin for a while; we multiply no matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    for name, content in STAND_INS.items():
        module = ModuleType(name)
        module.__dict__.update(content)
        sys.modules.setdefault(name, module)
