"""What `--check` says of a result."""

from tools import bench_lock

BASELINE = {"instructions": {"seal": 1000, "open": 2000}, "heap": {"code": 1000}}


def result(**instructions):
    return {
        "operations": {name: {"instructions": count} for name, count in instructions.items()},
        "heap": {"code": 1030},
    }


def test_growth_within_the_tolerance_is_no_regression():
    assert bench_lock.regressions(result(seal=1030, open=1500, new=9), BASELINE) == []


def test_growth_beyond_it_and_what_is_no_longer_measured_are():
    found = bench_lock.regressions(result(seal=1031), BASELINE)
    assert found == ["seal: 1,031 instructions, +3.1% from 1,000", "open: not measured any more"]


def test_what_takes_more_of_the_heap_is():
    grown = {**result(seal=1000, open=2000), "heap": {"code": 1031}}
    assert bench_lock.regressions(grown, BASELINE) == ["code: 1,031 of the heap, +3.1% from 1,000"]


def test_budgets_are_kept_or_named():
    name, most = next(iter(bench_lock.BUDGETS.items()))
    assert bench_lock.over_budget(result(**{name: most})) == []
    assert bench_lock.over_budget(result(**{name: most + 1}))[0].startswith(name)
