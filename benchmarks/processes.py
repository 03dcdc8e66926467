"""What a process and the machine have used, read from Linux's /proc."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_MIB: Final = 1024.0


@dataclass(frozen=True, slots=True)
class Used:
    """Seconds of processor time: of one process, and of the whole machine."""

    process_s: float
    machine_s: float


def used(pid: int) -> Used:
    """What process `pid` and the machine have used so far; the difference of two readings counts."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    process_s = (int(fields[11]) + int(fields[12])) * _TICK_S
    user, nice, system, _idle, _iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split()[1:9]
    )
    return Used(process_s, (user + nice + system + irq + softirq) * _TICK_S)


def peak_rss_mib(pid: int) -> float:
    """The most memory that process `pid` has held, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / _MIB
    return 0.0


def tree_s(pid: int) -> float:
    """Seconds of processor time of a process and all that it has started, also of what has ended since."""
    own = psutil.Process(pid)
    times = [own.cpu_times()]
    for child in own.children(recursive=True):
        with suppress(psutil.NoSuchProcess):  # ended meanwhile: its parent has its time
            times.append(child.cpu_times())
    return float(sum(one.user + one.system + one.children_user + one.children_system for one in times))
