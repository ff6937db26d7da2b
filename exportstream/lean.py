"""What is left out of a start: half a second of a short run is loading, a tenth of that for nothing."""

import gc
import importlib
import os
import sys
import threading
from collections.abc import Mapping, Sequence
from types import ModuleType

SHORT = frozenset({"render", "frame"})
"""Commands that load no library but our own choice, and whose user waits for their start."""

PLUGINS = "PYDANTIC_DISABLE_PLUGINS"
TYPES = "numpy._typing"
STAND_INS: Mapping[str, Mapping[str, object]] = {
    # pydantic looks through every installed package for plugins, of which we have none. Even where it is
    # told not to, it loads what it would look with, which reads e-mail and archives.
    "pydantic.plugin._loader": {"get_plugins": tuple},
    # numpy writes the docstrings, and so the signatures, of its functions in C.
    "numpy._core._add_newdocs": {},
    "numpy._core._add_newdocs_scalars": {},
    # numpy lists the names of every type there is, of which it needs one for the annotation of a result.
    TYPES: {"NDArray": list, "__getattr__": lambda name: _wanted(name)},
}
"""Modules that no short run needs, by what is asked of them. Where a library renames one, it has its own."""

_loading = threading.Lock()


def _wanted(name: str) -> object:
    """What somebody asks of numpy's types after all. The import system asks what kind of module it is."""
    if name.startswith("__"):
        raise AttributeError(name)
    with _loading:
        stand_in = sys.modules[TYPES]
        if "__getattr__" in vars(stand_in):
            del sys.modules[TYPES]
            vars(stand_in).update(vars(importlib.import_module(TYPES)))
            del vars(stand_in)["__getattr__"]
    return getattr(importlib.import_module(TYPES), name)


def begin(arguments: Sequence[str]) -> None:
    """To be called before any library is loaded, with those of the command line."""
    # Nothing that modules leave behind is garbage, and looking for it costs a tenth of the start: `cli.run`
    # turns the collector on again when the command is loaded.
    gc.disable()
    # numpy's BLAS would start a thread for each core, which spin for a while; we multiply no matrices.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Who names plugins that are not wanted, wants others.
    if PLUGINS not in os.environ and SHORT.intersection(arguments[:1]):
        for name, content in STAND_INS.items():
            module = ModuleType(name)
            vars(module).update(content)
            sys.modules.setdefault(name, module)
    os.environ.setdefault(PLUGINS, "__all__")
