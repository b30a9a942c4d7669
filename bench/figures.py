"""What the rows of a result are made of: columns that say which row it is, and figures, of which medians are taken."""
import json
import pathlib
import statistics

# Columns that tell rows apart or say how much was done; every other number is a figure.
KEYS = ["what", "validator", "producers", "clients", "actions_per_workflow", "open", "submitted", "workflows", "in_memory", "rounds"]

# Where others took more than this share of all cores' time, the ratios are of the load as much as of the code.
BUSY = 0.15


def medians(rows, keys):
    """One row for each combination of `keys`: the median of every figure over the rounds."""
    groups = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    out = []
    for same in groups.values():
        figures = {}
        for name, value in same[0].items():
            values = [row[name] for row in same if row[name] is not None]
            is_figure = name not in keys and values and not isinstance(value, str)
            figures[name] = statistics.median(values) if is_figure else value
        out.append(figures | {"rounds": len(same)})
    return out


def median_of_each(ratios):
    """{name: values of the rounds} to {name: median}."""
    return {name: statistics.median(values) for name, values in ratios.items()}


def label(row):
    """How a row is called where it stands alone: "settle, 64 clients, K = 10"."""
    parts = [row["what"]]
    if "validator" in row:
        parts.append(row["validator"])
    parts += [f"{row[key]:.0f} {key}" for key in ("producers", "clients", "open") if key in row]
    if "actions_per_workflow" in row:
        parts.append(f"K = {row['actions_per_workflow']:.0f}")
    return ", ".join(parts)


def by_name(document):
    """{(group, name): value} of all that a result document has: its ratios, then each figure of its medians."""
    out = {("ratios", name): value for name, value in document["ratios"].items()}
    for row in document["medians"]:
        for name, value in row.items():
            if name not in KEYS and isinstance(value, (int, float)):
                out[(name, label(row))] = value
    return out


def more_is_better(group, name):
    """Rates, and ratios to a yardstick, are better when they are higher; times, bytes and counts when they are lower."""
    if group == "ratios":
        return not name.startswith(("resident bytes", "device writes"))
    return group.endswith(("per_s", "per_second")) or group == "per_sync"


def short(value):
    """Four digits, as far as they are needed."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def read_result(path):
    """A file that scripts/bench wrote."""
    try:
        document = json.loads(pathlib.Path(path).read_text())
        return document | {"bench": document["bench"], "ratios": document["ratios"], "medians": document["medians"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SystemExit(f"{path} is no result of scripts/bench: {error!r}") from error
