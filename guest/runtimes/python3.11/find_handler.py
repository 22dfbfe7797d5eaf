"""From "folder/module.function" to a function: what stands before the last dot is imported as a module."""

import importlib
import os
import sys


class HandlerError(Exception):
    """What is wrong with how a function is put together, rather than with its code."""


def find_handler(folder, handler):
    module_path, dot, name = handler.rpartition(".")
    if not dot or not module_path or not name:
        raise HandlerError(f"handler '{handler}' is not of the form 'module.function'")
    module_name = module_path.replace("/", ".")
    stem = module_name.replace(".", "/")
    tried = [f"{stem}.py", f"{stem}/__init__.py"]
    if not any(os.path.exists(os.path.join(folder, path)) for path in tried):
        looked = ", ".join(tried)
        raise HandlerError(f"handler module '{module_path}' not found in the code (looked for {looked})")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    importlib.invalidate_caches()
    module = importlib.import_module(module_name)
    found = getattr(module, name, None)
    if callable(found):
        return found
    if hasattr(module, name):
        kind = type(found).__name__
        raise HandlerError(f"'{name}' of module '{module_path}' is no function but of type {kind}")
    public = [each for each in sorted(vars(module)) if not each.startswith("_")]
    has = ", ".join(public) or "nothing"
    raise HandlerError(f"module '{module_path}' has no function '{name}'; it has: {has}")
