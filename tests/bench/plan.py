"""All experiments on one bundle, the disk first: the image that is made there serves in memory, too."""

import place as places
import subject as subjects
import tools as tool_rooms
from disk_experiments import DiskExperiments
from experiments import Settings
from memory_experiments import MemoryExperiments
from results import Results


def run(settings: Settings, subject: subjects.Subject, tools: tool_rooms.Tools, results: Results) -> None:
    """Every place is emptied, whatever happens. Raises Failed where our own programs fail, Unusable where a place
    is not what it should be."""
    if settings.chosen & {"install", "scaling", "calls"}:
        kind = places.machine.file_system(settings.tmpfs)[0]
        if kind != "tmpfs":
            raise subjects.Unusable(f"--tmpfs {settings.tmpfs}: this is {kind}, not tmpfs")
    on_disk = DiskExperiments(settings, subject, tools, results)
    with places.Place("disk", settings.disk, False) as place:
        on_disk.run(place)
    with places.Place("tmpfs", settings.tmpfs, True) as place:
        MemoryExperiments(settings, subject, tools, results, on_disk.image_path).run(place)
