"""Which contestants of an install fit into memory together: a heat is run in turns, and our program is in each."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Entry:
    """What one contestant needs: the sources that it reads, by name, and the bytes that it writes."""

    name: str
    sources: frozenset[str]
    target_bytes: int


@dataclasses.dataclass(frozen=True)
class Heat:
    names: list[str]
    sources: frozenset[str]
    bytes: int


def needed(entries: list[Entry], sizes: dict[str, int]) -> int:
    """All sources at once, but one target: each is removed before the next is made."""
    sources = frozenset().union(*(entry.sources for entry in entries))
    return sum(sizes[source] for source in sources) + max(entry.target_bytes for entry in entries)


def plan_heats(ours: Entry, others: list[Entry], sizes: dict[str, int],
               capacity: int) -> tuple[list[Heat], dict[str, int]]:
    """In order, each heat as full as it can be. Returns the heats, and who cannot run with the bytes that it would
    take; that may be ourselves, and then nobody runs."""
    refused: dict[str, int] = {}
    if needed([ours], sizes) > capacity:
        return [], {entry.name: needed([ours, entry], sizes) for entry in [ours, *others]}
    heats: list[list[Entry]] = []
    for entry in others:
        alone = needed([ours, entry], sizes)
        if alone > capacity:
            refused[entry.name] = alone
            continue
        for heat in heats:
            if needed([*heat, entry], sizes) <= capacity:
                heat.append(entry)
                break
        else:
            heats.append([ours, entry])
    heats = heats or [[ours]]
    return [
        Heat([e.name for e in heat], frozenset().union(*(e.sources for e in heat)), needed(heat, sizes))
        for heat in heats
    ], refused
