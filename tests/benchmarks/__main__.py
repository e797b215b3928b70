"""Which benchmarks there are, and one of them run: python -m tests.benchmarks [NAME [ARGUMENTS]]. None is a test."""

import ast
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).parent


def named() -> Iterator[tuple[str, Path]]:
    """Each benchmark's name and the file that begins it: a module of its own, or a package's __main__."""
    for path in [*sorted(HERE.glob("*.py")), *sorted(HERE.glob("*/__main__.py"))]:
        if path.parent != HERE:
            yield path.parent.name, path
        elif not path.stem.startswith("_"):
            yield path.stem.removeprefix("bench_"), path


def main(arguments: list[str]) -> int:
    found = dict(named())
    if not arguments or arguments[0] in ("-h", "--help"):
        for name, path in found.items():
            print(f"{name:<20} {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}")
        return 0
    if arguments[0] not in found:
        print(f"there is no benchmark {arguments[0]!r}; there are {', '.join(found)}", file=sys.stderr)
        return 2
    sys.argv = arguments
    runpy.run_path(str(found[arguments[0]]), run_name="__main__")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
