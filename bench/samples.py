"""Medians, percentiles and ratios of what was measured."""

import math


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values, share):
    """The least value that at least `share` (0 to 1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def spread(values):
    """Median, least and greatest of the rounds of one figure."""
    return {"median": median(values), "min": min(values), "max": max(values),
            "rounds": list(values)}


def latencies(values):
    """p50, p95, p99 and the greatest of latencies, in their own unit."""
    return {"p50": percentile(values, 0.50), "p95": percentile(values, 0.95),
            "p99": percentile(values, 0.99), "max": max(values), "count": len(values)}


def ratio(ours, theirs):
    return ours / theirs if theirs else None


def rounded(value):
    """A figure with three significant digits, thousands grouped."""
    if value is None:
        return "–"
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    return f"{round(value, digits):,.{min(digits, 6)}f}" if abs(value) < 1000 else f"{value:,.0f}"
