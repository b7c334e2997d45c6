"""Mark 2: what an upgrade costs that changes one small package, and the same release again."""

import json

import place as places
import stopwatch
import subject as subjects
from stopwatch import Contestant, Cost


def contestant(place: places.Place, old: subjects.Subject, new: subjects.Subject) -> Contestant:
    """One run gives three figures: a full install into an empty prefix, the upgrade of that, and the same again."""
    prefix = place.path("prefix")

    def install(bundle) -> Cost:
        return stopwatch.run([old.installer, bundle, "--prefix", prefix, "-q", "--gpu-check=skip", *old.trust,
                              *new.trust], sync=place.yard)

    def prepare() -> None:
        clear()
        place.settle()
        places.warm(old.bundle, new.bundle)

    def work() -> dict[str, Cost]:
        return {"full install": install(old.bundle), "upgrade": install(new.bundle), "same again": install(new.bundle)}

    def clear() -> None:
        place.remove("prefix")

    return Contestant("upgrade", work, prepare, clear, ours=True, memory=old.tree_bytes)


def difference(envbundle, old: subjects.Subject, new: subjects.Subject) -> str:
    """How many files of the newer release are not the older one's, from the two indexes."""
    def files(bundle) -> dict[str, tuple[str, int]]:
        lines = stopwatch.output_of([envbundle, "inspect", "--files", "--json", bundle]).splitlines()
        entries = (json.loads(line) for line in lines)
        return {e["path"]: (e["sha256"], e["size"]) for e in entries if e["record"] == "entry" and "sha256" in e}

    before, after = files(old.bundle), files(new.bundle)
    changed = [size for path, (digest, size) in after.items() if before.get(path, ("",))[0] != digest]
    return f"{len(changed)} of {len(after)} files differ, {sum(changed) / 1e6:.2f} MB"


def room(place: places.Place, old: subjects.Subject) -> str | None:
    """Why it cannot be done here, or None: two releases may stand side by side."""
    size = 2 * old.tree_bytes
    if size > place.capacity():
        return f"does not fit: two releases take {size / 1e9:.1f} GB, {place.capacity() / 1e9:.1f} GB may be used"
    return None
