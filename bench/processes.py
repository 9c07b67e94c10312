"""Processes that the suite starts: they end with it, and what they use is measured."""

import atexit
import ctypes
import os
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, field

_TICKS = os.sysconf("SC_CLK_TCK")
_PR_SET_PDEATHSIG = 1
# Of one core, for looking at the memory of what is measured.
MAX_SAMPLING_SHARE = 0.02
_libc = ctypes.CDLL(None)
_running = []


def _die_with_parent():
    # Even a runner that is killed leaves nothing behind.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def start(arguments, *, log=None, **options):
    """Starts a program in a session of its own, so that Ctrl-C reaches the runner alone."""
    if log is not None:
        options["stdout"] = options["stderr"] = open(log, "ab")
    process = subprocess.Popen(
        arguments, start_new_session=True, preexec_fn=_die_with_parent, **options)
    if log is not None:
        options["stdout"].close()
    _running.append(process)
    return process


def stop(process, *, grace=20, stop_signal=signal.SIGTERM):
    """Ends one process that was started here: asks, waits, kills."""
    if process.poll() is None:
        process.send_signal(stop_signal)
        try:
            process.wait(grace)
        except subprocess.TimeoutExpired:
            for pid in tree(process.pid):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.wait()
    if process in _running:
        _running.remove(process)


def wait(process, seconds):
    """Waits for the end and returns the CPU seconds that the process and its children took."""
    deadline = time.monotonic() + seconds
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            if process in _running:
                _running.remove(process)
            return usage.ru_utime + usage.ru_stime
        if time.monotonic() > deadline:
            stop(process)
            raise TimeoutError(f"{process.args[0]} did not end within {seconds} s")
        time.sleep(0.01)


@atexit.register
def stop_all():
    for process in reversed(list(_running)):
        stop(process, grace=5)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _children():
    """The pids of all processes by their parent's pid."""
    children = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            fields = _stat(int(name))
            if fields:
                children.setdefault(int(fields[1]), []).append(int(name))
    return children


def _stat(pid):
    """The fields of /proc/PID/stat after the name (which may hold spaces)."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def tree(root):
    """The pid and those of all its descendants."""
    children, found, rest = _children(), [], [root]
    while rest:
        pid = rest.pop()
        found.append(pid)
        rest.extend(children.get(pid, []))
    return found


@dataclass
class Usage:
    """What process trees used between two moments."""

    cpu_seconds: float = 0
    written_bytes: int = 0
    peak_pss_bytes: int = 0

    def as_json(self):
        return dict(self.__dict__)


@dataclass
class Meter:
    """Watches process trees: CPU with that of reaped children, bytes written, peak PSS.

    Bytes and memory are sampled, so a child that lives for less than the interval may be missed;
    CPU seconds are exact, since parents inherit those of the children that they reap.
    """

    roots: list
    interval: float = 0.5
    _written: dict = field(default_factory=dict)
    _usage: Usage = field(default_factory=Usage)

    def __enter__(self):
        self._cpu_before = self.cpu()
        self._sample(with_memory=False)
        self._written_before = sum(self._written.values())
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()
        self._sample()
        self._usage.cpu_seconds = self.cpu() - self._cpu_before
        self._usage.written_bytes = sum(self._written.values()) - self._written_before

    @property
    def usage(self):
        return self._usage

    def cpu(self):
        ticks = 0
        for root in self.roots:
            for pid in tree(root):
                fields = _stat(pid)
                if fields:
                    ticks += sum(int(value) for value in fields[11:15])
        return ticks / _TICKS

    def _watch(self):
        pause = self.interval
        while not self._done.wait(pause):
            before = time.monotonic()
            self._sample()
            # Adding up the memory of many processes takes time, which must not show in figures.
            pause = max(self.interval, (time.monotonic() - before) / MAX_SAMPLING_SHARE)

    def _sample(self, with_memory=True):
        pss = 0
        for root in self.roots:
            for pid in tree(root):
                try:
                    born = (_stat(pid) or [""] * 20)[19]
                    self._written[pid, born] = _field(f"/proc/{pid}/io", "write_bytes")
                    if with_memory:
                        pss += _field(f"/proc/{pid}/smaps_rollup", "Pss") * 1024
                except (OSError, ValueError):
                    continue
        self._usage.peak_pss_bytes = max(self._usage.peak_pss_bytes, pss)


def pss_bytes(roots):
    meter = Meter(roots)
    meter._sample()
    return meter.usage.peak_pss_bytes


def _field(path, name):
    with open(path) as file:
        for line in file:
            if line.startswith(name + ":"):
                return int(line.split()[1])
    raise ValueError(name)
