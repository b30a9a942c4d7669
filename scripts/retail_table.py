#!/usr/bin/env python3
"""retail_table.py FOLDER NAME…: the results of `scripts/retail` as a Markdown table, one row for each run.

A run's results are NAME.json (a list of {"plan", "verdict", "outcome", "sends", "faults", "repeats", "duplicates", …})
and NAME.out, whose last lines are the judge's summary.
"""
import collections
import json
import pathlib
import re
import sys

COLUMNS = ["faults", "mode", "plans", "honest", "verified", "executed", "failed", "for a person", "faults met",
           "kills", "repeats", "duplicates", "false verified", "false failed", "lost"]


def row(folder, name):
    faults, mode = name.split("-")
    results = json.loads((folder / f"{name}.json").read_text())
    summary = (folder / f"{name}.out").read_text()
    outcomes = collections.Counter(result["outcome"] or "attention" for result in results)
    verdicts = collections.Counter(result["verdict"] for result in results)
    kills = re.search(r"engine killed (\d+) times", summary)
    total = lambda member: sum(result[member] for result in results)
    return [faults, mode, len(results), verdicts["pass"], outcomes["verified"], outcomes["executed"],
            outcomes["failed"], outcomes["attention"], total("faults"), kills.group(1) if kills else 0,
            total("repeats"), total("duplicates"), verdicts["false verified"], verdicts["false failed"],
            verdicts["lost"]]


def main():
    folder, names = pathlib.Path(sys.argv[1]), sys.argv[2:]
    print("| " + " | ".join(COLUMNS) + " |")
    print("| --- | --- |" + " ---: |" * (len(COLUMNS) - 2))
    for name in names:
        print("| " + " | ".join(str(cell) for cell in row(folder, name)) + " |")


if __name__ == "__main__":
    main()
