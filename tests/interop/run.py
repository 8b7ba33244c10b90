"""Load a recipe, then read calls from standard input: a line of JSON with a function and its argument each.

The answer to each is a line of JSON, too: the result, or the name of the error.
"""

import importlib
import json
import sys
from pathlib import Path


def answer(content: object) -> None:
    print(json.dumps(content), flush=True)  # noqa: T201 - the test reads it


def main() -> None:
    here = Path(__file__).parent
    sys.path[:0] = [str(here), str(here / "recipes")]
    recipe = importlib.import_module(sys.argv[1])
    answer({"ready": True})
    for line in sys.stdin:
        name, argument = json.loads(line)
        try:
            answer({"result": getattr(recipe, name)(argument)})
        except Exception as error:  # noqa: BLE001 - the test judges it
            answer({"error": type(error).__name__, "message": str(error)})


main()
