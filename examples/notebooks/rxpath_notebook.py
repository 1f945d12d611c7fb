"""Runs the command rxpath and gives its answers as pandas objects.

    import rxpath_notebook as rx

    rx.sweep(vary={"load": "1,2,5"})                  a row for every run
    rx.run(set={"load": 5}).latency                   one run, in several tables
    rx.solve(max="load", duration="50ms")["value"]    the setting that is asked for

The command is the one that RXPATH names, else the one on the PATH, else it is
built from the checkout that this file belongs to. A scenario is the path of a
file, or the YAML itself if it has several lines; without one it is the
scenario that is built in. What is wrong with a call is an RxpathError with
the command's own words.
"""

import io
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import pandas as pd

from flat_parquet import read_flat_parquet

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]

_built = None  # the directory that holds the command, once this module has built it


class RxpathError(Exception):
    """The command could not be found, or it refused what it was asked."""


def command():
    """Returns the path of rxpath."""
    global _built
    named = os.environ.get("RXPATH")
    if named:
        if shutil.which(named) is None:
            raise RxpathError(f"RXPATH is {named!r}: want the path of the program rxpath")
        return named
    found = shutil.which("rxpath")
    if found:
        return found
    if not (CHECKOUT / "cmd" / "rxpath").is_dir() or shutil.which("go") is None:
        raise RxpathError("no program rxpath: put it on the PATH, name it in RXPATH, or use a checkout of rxpath and have Go installed")
    if _built is None:
        directory = tempfile.TemporaryDirectory(prefix="rxpath-")
        program = os.path.join(directory.name, "rxpath")
        build = subprocess.run(["go", "build", "-o", program, "./cmd/rxpath"], cwd=CHECKOUT, capture_output=True, text=True)
        if build.returncode != 0:
            raise RxpathError("go build ./cmd/rxpath:\n" + build.stderr)
        _built = directory
    return os.path.join(_built.name, "rxpath")


def rxpath(*args, stdin=None):
    """Runs the command and returns what it prints. A crossed threshold (exit status 99) is an answer, not an error."""
    done = subprocess.run([command(), *args], input=stdin, capture_output=True, text=True)
    if done.returncode not in (0, 99):
        raise RxpathError(done.stderr.strip() or f"rxpath {' '.join(args)}: exit status {done.returncode}")
    return done.stdout


def _value(v):
    """Writes a Python value as YAML: a text stays as it is, so 20ms and [2,3] can be said as on the command line."""
    return v if isinstance(v, str) else json.dumps(v)


def _flags(set, options):
    """Makes flags: set={"load": 2}, duration="50ms", metric=["partner_lost"], until="drops == 0"."""
    flags = []
    for key, value in (set or {}).items():
        flags += ["--set", f"{key}={_value(value)}"]
    for name, value in options.items():
        for v in value if isinstance(value, (list, tuple)) else [value]:
            flags += ["--" + name.replace("_", "-")] + ([] if v is True else [str(v)])
    return flags


def _scenario(scenario):
    """Returns the FILE argument and the standard input for a scenario."""
    if scenario is None:
        return [], None
    text = str(scenario)
    return (["-"], text) if "\n" in text else ([text], None)


class Run:
    """What one run showed. json is all of it, as rxpath run --format json prints it; series are the tables of its directory series, by name."""

    def __init__(self, document, series):
        self.json, self.series = document, series

    @property
    def drops(self):
        """The losses and refusals by reason."""
        return pd.Series(self.json["ledger"]["dropped"], dtype="int64")

    @property
    def latency(self):
        """A row for every stage, times in microseconds."""
        table = pd.DataFrame(self.json["latency"]).T
        times = [c for c in table.columns if c.endswith("_ns")]
        return (table[times].astype(float) / 1000).rename(columns=lambda c: c[:-3] + "_us").assign(n=table["n"].astype(int))

    @property
    def cpu(self):
        """A row for every CPU, the shares of its time."""
        table = pd.DataFrame(self.json["cpu"]).set_index("cpu")
        times = table[[c for c in ("hardirq_ns", "softirq_ns", "ksoftirqd_ns", "system_ns", "user_ns", "idle_ns")]]
        return times.div(times.sum(axis=1), axis=0).rename(columns=lambda c: c[:-3])

    def counters(self):
        """All counters in one column, by file, object and name."""
        rows = {}
        for file, value in self.json["counters"].items():
            for row in value if isinstance(value, list) else [value]:
                # The texts of a row say what it is of: a device, an interrupt. Of a CPU it is the number.
                of = " ".join(str(v) for k, v in row.items() if isinstance(v, str) or k == "cpu")
                for name, v in row.items():
                    if not isinstance(v, str) and name != "cpu":
                        rows[file, of, name] = v
        return pd.Series(rows, dtype="int64", name="value").rename_axis(["file", "object", "name"])


def run(scenario=None, set=None, series=False, **options):
    """Runs a scenario once and returns a Run; with series also what the command writes about its course."""
    file, stdin = _scenario(scenario)
    args = ["run", *file, "--no-bottleneck", "--format", "json", *_flags(set, options)]
    if not series:
        return Run(json.loads(rxpath(*args, stdin=stdin)), {})
    with tempfile.TemporaryDirectory(prefix="rxpath-") as out:
        text = rxpath(*args, "--out", out, stdin=stdin)
        return Run(json.loads(text), {p.stem: pd.read_csv(p) for p in pathlib.Path(out, "series").glob("*.csv")})


def sweep(scenario=None, vary=None, set=None, **options):
    """Runs a scenario at many points and returns a row for every run: point, rep, seed, the keys, then every metric."""
    file, stdin = _scenario(scenario)
    keys = [f for key, values in (vary or {}).items()
            for f in ("--vary", f"{key}={','.join(map(_value, values)) if isinstance(values, (list, tuple)) else values}")]
    text = rxpath("sweep", *file, "--format", "csv", *keys, *_flags(set, options), stdin=stdin)
    return pd.read_csv(io.StringIO(text))


def solve(scenario=None, set=None, **options):
    """Finds the smallest (min="KEY=LO..HI") or greatest (max=...) value for which conditions hold (until=...)."""
    file, stdin = _scenario(scenario)
    return json.loads(rxpath("solve", *file, "--format", "json", *_flags(set, options), stdin=stdin))


def size(text):
    """Returns the bytes of a size such as 440KiB."""
    for unit, factor in (("KiB", 2**10), ("MiB", 2**20), ("GiB", 2**30)):
        if text.endswith(unit):
            return int(text[:-len(unit)]) * factor
    return int(text)


def read_parquet(path):
    """Reads a Parquet file, with pyarrow or fastparquet where there is one, else with flat_parquet.py beside this file."""
    try:
        return pd.read_parquet(path)
    except ImportError:
        return pd.DataFrame(read_flat_parquet(path))
