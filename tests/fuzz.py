"""Thousands of made-up requests to every call, ours and the compatible ones: ``make fuzz``, ``make fuzz ARGS=200``.

The short form is a part of the tests. Here each call gets so many examples of both kinds, right and wrong,
with another seed each time; a failure prints the request that shows it.
"""

from __future__ import annotations

import os
import sys

import pytest

EACH = 50


def main() -> int:
    each = int(sys.argv[1]) if len(sys.argv) > 1 else EACH
    os.environ["BTL_FUZZ_EXAMPLES"] = str(each)
    print(f"{each} right and {each} wrong requests for every call; this takes some minutes.")
    asked = ("tests/service/test_openapi.py", "tests/service/compat/test_surprises.py")
    return int(pytest.main(["-q", "-s", "--show-capture=no", "--timeout=7200", *asked, "-k", "surprises"]))


if __name__ == "__main__":
    raise SystemExit(main())
