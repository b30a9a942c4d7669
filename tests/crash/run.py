"""Runs the crash test files named on the command line (all without any) and prints `N passed, N failed, N skipped`.

SETTLE_BINARY is the engine. Exit code 77: everything was skipped.
"""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Sentences(unittest.TextTestResult):
    """One line for each test: its name as the sentence that it proves; a skipped one says loudly why."""

    def startTest(self, test):
        self._begun = time.monotonic()
        unittest.TestResult.startTest(self, test)

    def _say(self, mark, test, more=""):
        name = getattr(test, "_testMethodName", str(test)).removeprefix("test_").replace("_", " ")
        took = time.monotonic() - getattr(self, "_begun", time.monotonic())
        self.stream.write(f"  {mark} {name} ({took:.1f} s){more}\n")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self._say("ok     ", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._say("FAILED ", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._say("BROKE  ", test)

    def addSkip(self, test, reason):
        unittest.TestResult.addSkip(self, test, reason)
        self._say("SKIPPED", test, f": {reason}")


def main(names):
    sys.path[:0] = [str(HERE), str(HERE.parent / "scenario"), str(HERE.parent / "blackbox")]
    sys.dont_write_bytecode = True
    chosen = [name.removesuffix(".py") for name in names] or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(chosen)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Sentences, verbosity=0).run(suite)
    failed, skipped = len(result.failures) + len(result.errors), len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped")
    if failed or result.testsRun == 0:
        return 1
    return 77 if skipped == result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
