"""What only some exports need comes with the extra `export`; without it they say so."""

import importlib.util

from engine.run import Refused

COMMAND = "pip install 'filial[export]'"


def needed(to: str, *packages: str) -> None:
    """Raises Refused naming the packages that are missing, and the command that brings them."""
    missing = [name for name in packages if importlib.util.find_spec(name) is None]
    if missing:
        one = "it" if len(missing) == 1 else "them"
        raise Refused(
            f"--to: {to} needs {' and '.join(missing)}; `{COMMAND}`, or `pip install {' '.join(missing)}`, brings {one}"
        )
