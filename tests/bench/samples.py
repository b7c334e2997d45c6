"""What a set of repeated measurements says: median, range, and how far they scatter."""

import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Summary:
    """Of one or more samples, in the unit of the samples."""

    count: int
    median: float
    least: float
    most: float
    mad: float  # median of the absolute deviations from the median: one outlier does not move it

    @property
    def spread(self) -> float:
        """MAD as a share of the median; 0 where the median is 0."""
        return self.mad / self.median if self.median else 0.0


def summarise(samples: list[float]) -> Summary:
    """Raises ValueError for no samples: nothing can be said of nothing."""
    if not samples:
        raise ValueError("no samples")
    middle = statistics.median(samples)
    mad = statistics.median(abs(sample - middle) for sample in samples)
    return Summary(len(samples), middle, min(samples), max(samples), mad)


@dataclasses.dataclass(frozen=True)
class Ratio:
    """Ours by theirs. `least` and `most` are of the pairs of runs that followed each other."""

    value: float
    least: float
    most: float


def ratio(ours: list[float], theirs: list[float]) -> Ratio:
    """The ratio of the medians. Raises ValueError where there is none (no samples, or theirs took no time)."""
    below = summarise(theirs).median
    if below <= 0:
        raise ValueError("nothing to compare with: the other's median is 0")
    pairs = [a / b for a, b in zip(ours, theirs) if b > 0]
    value = summarise(ours).median / below
    return Ratio(value, min(pairs, default=value), max(pairs, default=value))


def seconds_text(seconds: float) -> str:
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms" if seconds >= 0.01 else f"{seconds * 1000:.1f} ms"
    return f"{seconds:.2f} s" if seconds < 100 else f"{seconds:.0f} s"


def bytes_text(size: float) -> str:
    """Decimal units, as the programs print them."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if abs(size) >= factor:
            return f"{size / factor:.1f} {unit}" if size < 100 * factor else f"{size / factor:.0f} {unit}"
    return f"{size:.0f} B"
