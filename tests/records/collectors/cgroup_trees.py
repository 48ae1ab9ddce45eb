"""Trees of cgroups and of `/proc` as kernels show them, written into a folder.

The files of version 2 have the fields and the form that admin-guide/cgroup-v2.rst of the kernel
gives them, those of version 1 what Docker 20.10 on Linux 6 shows.
"""

from collections.abc import Mapping
from pathlib import Path

CPU_STAT_V2 = """usage_usec 48211973
user_usec 36120402
system_usec 12091571
core_sched.force_idle_usec 0
nr_periods 612
nr_throttled 373
throttled_usec 29870112
nr_bursts 0
burst_usec 0
"""
MEMORY_EVENTS = "low 0\nhigh 0\nmax 41\noom 2\noom_kill 2\noom_group_kill 0\n"
MEMORY_STAT_V2 = """anon 91230208
file 20971520
kernel 3145728
kernel_stack 163840
pagetables 1048576
sec_pagetables 0
percpu 2880
sock 4096
vmalloc 0
shmem 0
zswap 0
zswapped 0
file_mapped 8388608
file_dirty 0
file_writeback 0
swapcached 0
anon_thp 0
file_thp 0
shmem_thp 0
inactive_anon 91209728
active_anon 20480
inactive_file 16777216
active_file 4194304
unevictable 0
slab_reclaimable 512000
slab_unreclaimable 614400
slab 1126400
workingset_refault_anon 0
workingset_refault_file 0
pgfault 52311
pgmajfault 12
"""
UNLIMITED_V2 = {
    "cgroup.procs": "4101\n",
    "cpu.stat": "usage_usec 900000\nuser_usec 600000\nsystem_usec 300000\n"
    "nr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n",
    "cpu.max": "max 100000\n",
    "memory.current": "115347456\n",
    "memory.max": "max\n",
    "memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 0\noom_group_kill 0\n",
    "memory.stat": MEMORY_STAT_V2,
    "pids.current": "9\n",
    "pids.max": "max\n",
    "io.stat": "254:0 rbytes=1261568 wbytes=4096 rios=41 wios=1 dbytes=0 dios=0\n",
}
LIMITED_V2 = UNLIMITED_V2 | {
    "cpu.stat": CPU_STAT_V2,
    "cpu.max": "50000 100000\n",
    "memory.max": "268435456\n",
    "memory.events": MEMORY_EVENTS,
    "pids.max": "512\n",
}
CPU_V1 = {
    "cpu.stat": "nr_periods 612\nnr_throttled 373\nthrottled_time 29870112345\n",
    "cpu.cfs_quota_us": "50000\n",
    "cpu.cfs_period_us": "100000\n",
}
CPUACCT_V1 = {"cpuacct.usage": "48211973000\n", "cpuacct.stat": "user 3612\nsystem 1209\n"}
MEMORY_V1 = {
    "memory.usage_in_bytes": "115347456\n",
    "memory.limit_in_bytes": "268435456\n",
    "memory.failcnt": "41\n",
    "memory.max_usage_in_bytes": "134217728\n",
    "memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
    "memory.stat": "cache 20971520\nrss 91230208\ninactive_file 5\ntotal_inactive_file 16777216\n",
}
NET_DEV = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:   38298     656    0    0    0     0          0         0    38298     656    0    0    0     0       0          0
  eth0:   84401     930    1    2    0     0          0         0   125590    1319    3    4    0     0       0          0
  eth1:      99       1    0    0    0     0          0         0        1       1    0    0    0     0       0          0
"""  # noqa: E501
NETSTAT = """TcpExt: SyncookiesSent ListenOverflows ListenDrops TCPSynRetrans
TcpExt: 0 {overflows} {drops} 0
IpExt: InNoRoutes InTruncatedPkts
IpExt: 0 0
"""
UNIFIED = "31 24 0:27 / {folder} rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = "{number} 24 0:{number} / {folder}/{name} rw,nosuid shared:9 - cgroup cgroup rw,{name}\n"


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write files into a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="ascii")


class Machine:
    """A `/proc` and a `/sys/fs/cgroup` of one's own; this process is in `/user.slice/tests`."""

    def __init__(self, folder: Path, mounts: str, own: str = "0::/user.slice/tests\n") -> None:
        self.proc, self.cgroup = folder / "proc", folder / "cgroup"
        self.process("self", own, network=1)
        (self.proc / "self" / "mountinfo").write_text(
            "24 1 254:1 / / rw - ext4 /dev/vda rw\n" + mounts.replace("{folder}", str(self.cgroup))
        )

    @classmethod
    def unified(cls, folder: Path) -> "Machine":
        """One with version 2 only."""
        return cls(folder, UNIFIED)

    @classmethod
    def hybrid(cls, folder: Path) -> "Machine":
        """One with version 1's controllers, and version 2 for nothing but processes."""
        names = ("cpu,cpuacct", "memory", "pids")
        trees = [
            f"{n} 24 0:{n} / {{folder}}/{name} rw shared:9 - cgroup cgroup rw,{name}\n"
            for n, name in enumerate(names, 40)
        ]
        unified = UNIFIED.replace("{folder}", "{folder}/unified")
        own = "".join(f"{n}:{name}:/user.slice\n" for n, name in enumerate(names, 1))
        return cls(folder, "".join(trees) + unified, f"{own}0::/user.slice/tests\n")

    def process(self, pid: int | str, cgroup: str, network: int = 2) -> Path:
        """Have a process in cgroups; of one network namespace are those of one number."""
        folder = self.proc / str(pid)
        (folder / "ns").mkdir(parents=True, exist_ok=True)
        (folder / "cgroup").write_text(cgroup, encoding="ascii")
        namespace = self.proc.parent / f"network-{network}"
        namespace.touch()
        (folder / "ns" / "net").unlink(missing_ok=True)
        (folder / "ns" / "net").hardlink_to(namespace)
        write(folder / "net", {"dev": NET_DEV, "netstat": NETSTAT.format(overflows=5, drops=7)})
        return folder

    def group(self, path: str, files: Mapping[str, str]) -> Path:
        """Have a cgroup with these files."""
        folder = self.cgroup / path
        write(folder, files)
        return folder
