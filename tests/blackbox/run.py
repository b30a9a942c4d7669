"""Runs the test files named on the command line (all without any) and prints `N passed, N failed`.

SETTLE_BINARY is the engine."""
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

    passed = 0

    def addSuccess(self, test):
        unittest.TestResult.addSuccess(self, test)
        self.passed += 1
        self._say("ok    ", test)

    def addFailure(self, test, err):
        unittest.TestResult.addFailure(self, test, err)
        self._say("FAILED", test)

    def addError(self, test, err):
        unittest.TestResult.addError(self, test, err)
        self._say("BROKE ", test)

    def addSubTest(self, test, subtest, err):
        unittest.TestResult.addSubTest(self, test, subtest, err)
        if err is not None:
            self._say("FAILED", test)


def main(names):
    sys.path.insert(0, str(HERE))
    sys.dont_write_bytecode = True
    chosen = [name.removesuffix(".py") for name in names] or sorted(path.stem for path in HERE.glob("test_*.py"))
    suite = unittest.defaultTestLoader.loadTestsFromNames(chosen)
    total = suite.countTestCases()
    result = unittest.TextTestRunner(stream=sys.stdout, resultclass=Sentences, verbosity=0).run(suite)
    print(f"{result.passed} passed, {total - result.passed} failed")
    return 0 if result.wasSuccessful() and 0 < total == result.passed else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
