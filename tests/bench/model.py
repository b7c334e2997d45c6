"""How long an install would take on other machines: from the costs of its stages measured here, and from stated
properties of storage that is not here.

    seconds = S + max( (P + F·r·l) / n,  B/read,  T/write,  F/rate )

S is what does not run in parallel and P the work that does, both from installs with 1 and with 2 jobs on tmpfs
(t(n) = S + P/n); n is the smaller of cores and jobs. F files need r round trips of latency l each, in which their
worker waits; bundle bytes B are read, tree bytes T written at the storage's bandwidth, and it makes at most `rate`
files a second. Stages overlap (workers read, hash, decode and write at once), so the slowest of them bounds, and the
name of that one is the answer to what to improve."""

import dataclasses

CORES = (1, 2, 4, 8, 16, 32, 64)
DEFAULT_MOST_JOBS = 16  # what envinstall takes by itself, at most (envinstall --help)


@dataclasses.dataclass(frozen=True)
class Work:
    """Of one bundle, on the cores of the machine that measured. Seconds, bytes, files."""

    serial: float
    parallel: float
    bundle_bytes: float
    tree_bytes: float
    files: int


@dataclasses.dataclass(frozen=True)
class Storage:
    """Assumed, not measured; `source` says where each value is from."""

    name: str
    read: float  # bytes a second, one node
    write: float
    latency: float  # seconds a round trip
    trips: float  # round trips that a worker waits for, a small file
    rate: float  # files a second that it makes for one node
    source: str


STORAGES = [
    Storage("memory (tmpfs)", 20e9, 20e9, 0.0, 0.0, 1e9, "no device: the cores are the limit"),
    Storage("NVMe, ext4 or xfs", 3.5e9, 2.5e9, 0.0, 0.0, 200e3,
            "data sheets of PCIe 3.0/4.0 drives (3–7 GB/s read, 2–5 GB/s written); files are made in memory and "
            "reach the drive with the journal, so no worker waits for a round trip"),
    Storage("NFS v4 over 10 Gbit/s", 1.1e9, 0.8e9, 0.5e-3, 3.0, 3e3,
            "line rate less headers; OPEN, WRITE and CLOSE are each waited for (RFC 7530 asks data to be stable at "
            "close; Radkov et al., FAST 2004, count the messages); 0.5 ms a round trip with a server that has stable "
            "memory, several ms without, and 3,000 files/s of a server are assumptions without a source"),
    Storage("Lustre, one client", 2.0e9, 2.0e9, 0.9e-3, 1.0, 27e3,
            "Dell's white paper on Lustre over Omni-Path, figure 13 (mdtest): 1,100 creates/s by one thread, so 0.9 ms "
            "each, 27,000/s by 240; a client's bandwidth is commonly 1–5 GB/s"),
]


def fit(one: float, two: float) -> tuple[float, float]:
    """S and P from the seconds with 1 and 2 jobs. Neither is below 0: where two jobs are more than twice as quick
    (caches, turbo), all of it counts as parallel; where they are slower, none of it."""
    parallel = min(max(2 * (one - two), 0.0), one)
    return one - parallel, parallel


@dataclasses.dataclass(frozen=True)
class Prediction:
    cores: int
    seconds: float
    bound: str


def predict(work: Work, storage: Storage, cores: int, jobs: int | None = None) -> Prediction:
    """With as many jobs as envinstall would take, or `jobs`; workers that wait need no core."""
    workers = jobs or min(cores, DEFAULT_MOST_JOBS)
    computing = work.parallel / min(workers, cores)
    waiting = work.files * storage.trips * storage.latency / workers
    stages = {
        "round trips" if waiting > computing else "cores": computing + waiting,
        "reading": work.bundle_bytes / storage.read,
        "writing": work.tree_bytes / storage.write,
        "making files": work.files / storage.rate,
    }
    bound = max(stages, key=stages.get)
    seconds = work.serial + stages[bound]
    if work.serial > stages[bound]:
        bound = "what does not run in parallel"
    return Prediction(cores, seconds, bound)


def table(work: Work, storages: list[Storage]) -> list[dict]:
    """For every storage and number of cores."""
    rows = []
    for storage in storages:
        for cores in CORES:
            found = predict(work, storage, cores)
            rows.append({"storage": storage.name, "cores": cores, "seconds": found.seconds, "bound": found.bound})
    return rows


def stages(subject: dict, limits: dict[str, float], cores: int) -> list[dict]:
    """What each stage costs one core, by the probes on tmpfs (`limits`: seconds on all `cores`), in all and by unit."""
    units = {
        "hash bundle": ("s per GB of the bundle", subject["bundle_bytes"] / 1e9),
        "decode": ("s per GB of the tree", subject["tree_bytes"] / 1e9),
        "create": ("s per 1,000 files", subject["files"] / 1e3),
        "write": ("s per GB of the tree", subject["tree_bytes"] / 1e9),
    }
    return [{"stage": name, "seconds": limits[name] * cores, "per_unit": limits[name] * cores / amount, "unit": unit}
            for name, (unit, amount) in units.items() if name in limits and amount > 0]


def own_disk(subject: dict, limits: dict[str, float]) -> Storage | None:
    """The disk that was measured on, by its probes: what the model says of it can be held against the install there."""
    if "write" not in limits:
        return None
    read = subject["bundle_bytes"] / limits["read bundle"] if limits.get("read bundle") else STORAGES[0].read
    rate = subject["files"] / limits["create"] if limits.get("create") else 1e9
    return Storage("the disk of this machine", read, subject["tree_bytes"] / limits["write"], 0.0, 0.0, rate,
                   "probed here, with sync; reading with dropped caches")


def of_bundle(subject: dict, one: float, two: float, cores: int, memory: dict[str, float], disk: dict[str, float],
              on_disk: float | None) -> dict:
    """The model of one bundle, as it stands in the results. `memory`, `disk`: probes (seconds on all cores) of tmpfs
    and disk; `on_disk`: the measured install on the disk, with dropped caches or, failing that, warm ones."""
    serial, parallel = fit(one, two)
    work = Work(serial, parallel, subject["bundle_bytes"], subject["tree_bytes"], subject["files"])
    own = own_disk(subject, disk)
    storages = [*STORAGES, *([own] if own else [])]
    check = None
    if own and on_disk:
        found = predict(work, own, cores)
        check = {"predicted": found.seconds, "bound": found.bound, "measured": on_disk}
    return {
        "subject": subject["name"], "serial": serial, "parallel": parallel, "measured": {"1": one, "2": two},
        "stages": stages(subject, memory, cores), "check": check, "rows": table(work, storages),
        "storages": [dataclasses.asdict(storage) for storage in storages],
    }
