"""Run the tests of one file on MicroPython: `micropython tools/run_mpy_tests.py FILE [NAME...]`.

Prints `PASS name` or `FAIL name` and the traceback after each test, in that order, for conftest.py to read.
Exit status 1 if one failed.
"""

import gc
import sys

sys.path[0] = "."  # the checkout, not tools/


def main(path, *names):
    module = __import__(path[:-3].replace("/", "."), None, None, ("*",))
    failed = 0
    for name in names or sorted([name for name in dir(module) if name.startswith("test_")]):
        gc.collect()
        try:
            getattr(module, name)()
            print("PASS", name)
        except Exception as error:
            failed = 1
            sys.print_exception(error, sys.stdout)
            print("FAIL", name)
    return failed


sys.exit(main(*sys.argv[1:]))
