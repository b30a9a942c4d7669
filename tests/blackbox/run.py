"""Runs the test files named on the command line (all without any) and prints `N passed, N failed`. SETTLE_BINARY is the engine."""
import pathlib
import sys
import time
import unittest

HERE = pathlib.Path(__file__).resolve().parent


class Sentences(unittest.TextTestResult):
    """One line for each test: its name as the sentence that it proves, and how long it took."""

    def startTest(self, test):
        self._begun = time.monotonic()
        unittest.TestResult.startTest(self, test)

    def _say(self, mark, test):
        name = getattr(test, "_testMethodName", str(test)).removeprefix("test_").replace("_", " ")
        self.stream.write(f"  {mark} {name} ({time.monotonic() - getattr(self, '_begun', time.monotonic()):.1f} s)\n")
        self.stream.flush()

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self._say("ok    ", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._say("FAILED", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._say("BROKE ", test)


def main(names):
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    chosen = [name.removesuffix(".py") for name in names] or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(chosen)
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Sentences, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed")
    return 1 if failed or result.testsRun == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
