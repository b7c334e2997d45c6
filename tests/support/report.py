"""What the end-to-end tests say: a line a check, and at the end how many passed."""


class Report:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, label, problem):
        """`problem`: "" when all is well."""
        if problem:
            self.failed += 1
            print(f"FAILED  {label}: {problem}", flush=True)
        else:
            self.passed += 1
            print(f"ok      {label}", flush=True)

    def skip(self, label, why):
        """Counted apart: a check that was left out has not passed."""
        self.skipped += 1
        print(f"skipped {label}: {why}", flush=True)
