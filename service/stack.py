"""Run several processes as one program: start, restart, stop, and leave nothing behind.

The parent imports the heavy libraries once and forks every child from there. A child runs the very command
line that docker-compose names, in its own process but on the memory it shares with the others: the whole
stack is up in seconds and stays small, and the web door still never imports the background door.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import setproctitle

from service.data_folder import PROCESSES_FILE, last_line, log_of, note_processes

# Forking after libraries were loaded is not safe on macOS, whose frameworks start threads of their own.
CAN_FORK_WARM = sys.platform == "linux"
LONGEST_PAUSE_SECONDS = 30.0
STEADY_SECONDS = 60.0
_SAME_WISH_SECONDS = 0.5
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the stack.

    :param name: in words for the operator; also the name of its log.
    :param command: its command line. A program of this virtual environment runs warm, in a fork.
    :param environment: variables that this process gets besides the parent's.
    :param last: stopped after all others, because they need it to finish.
    :param mend: called after it died twice without ever being steady; a chance to repair what it reads.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    last: bool = False
    mend: Callable[[], None] | None = None


@dataclass(slots=True)
class _Child:
    process: Process
    pid: int = 0
    started_at: float = 0.0
    restart_at: float = 0.0
    deaths: int = 0


class Died(Exception):
    """A process stopped again and again before the stack was ready.

    :param name: which one.
    :param last_line: the last line of its log.
    :param log: where the log is.
    """

    def __init__(self, name: str, last_line: str, log: Path) -> None:
        super().__init__(f"The {name} process stops as soon as it is started: {last_line} (more in {log})")
        self.name = name
        self.log = log


@dataclass(slots=True)
class Stack:
    """The supervisor. Everything happens in one thread, so that forking is safe at any time.

    :param data_dir: where logs and the list of running processes are kept.
    :param say: tells the operator a line.
    :param let_go: file descriptors of the parent that no child may keep, such as its lock.
    """

    data_dir: Path
    say: Callable[[str], None]
    let_go: Sequence[int] = ()
    _children: list[_Child] = field(default_factory=list)
    _stopping: bool = False
    _impatient: bool = False
    _asked_at: float = 0.0
    _ready: bool = False
    _waker: tuple[int, int] = (-1, -1)

    def __enter__(self) -> Stack:
        self._waker = os.pipe()
        for end in self._waker:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._waker[1], warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._asked_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to wake the loop
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        signal.set_wakeup_fd(-1)
        for end in self._waker:
            os.close(end)

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked the stack to stop."""
        return self._stopping

    def add(self, process: Process) -> None:
        """Start a process and keep it running from now on."""
        child = _Child(process)
        self._children.append(child)
        self._start(child)

    def run_once(self, work: Callable[[], None]) -> int:
        """Fork, do some work there, and go on at once; :meth:`finished` tells how it ended.

        :returns: the process id.
        """
        pid = self._fork("prepare")
        if pid:
            return pid
        _leave(_run(work))

    def finished(self, pid: int) -> int | None:
        """Wait for the work of :meth:`run_once`, unless asked to stop.

        :returns: its exit code; None when the stack is stopping instead.
        """
        while not self._stopping:
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                return os.waitstatus_to_exitcode(status)
            self._wait(0.1)
            self.tend()
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
        return None

    def tend(self) -> None:
        """Notice what has ended, and start it again when its time has come."""
        self._reap()
        for child in self._children:
            if not child.pid and not self._stopping and time.monotonic() >= child.restart_at:
                self._start(child)

    def watch(self, is_ready: Callable[[], bool], when_ready: Callable[[], None]) -> None:
        """Keep everything running until somebody asks to stop.

        :param is_ready: asked several times a second until it is true once.
        :raises Died: when a process cannot be kept running before that.
        """
        while not self._stopping:
            self._wait(1.0 if self._ready else 0.05)
            self.tend()
            if not self._ready and not self._stopping and is_ready():
                self._ready = True
                when_ready()

    def stop(self, grace_seconds: float = 20.0) -> None:
        """Ask every process to finish, wait, then end what is left. Does nothing the second time."""
        self._stopping = True
        for last in (False, True):
            group = [child for child in self._children if child.process.last is last]
            for child in group:
                if child.pid:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child.pid, signal.SIGTERM)
            deadline = time.monotonic() + grace_seconds
            while any(child.pid for child in group) and time.monotonic() < deadline and not self._impatient:
                self._wait(0.2)
                self._reap()
            for child in group:
                if child.pid:
                    self.say(f"{child.process.name} did not finish in time and is ended.")
                    _end_group(child.pid)
                    with contextlib.suppress(ChildProcessError):
                        os.waitpid(child.pid, 0)
                    child.pid = 0
        (self.data_dir / PROCESSES_FILE).unlink(missing_ok=True)

    def _asked_to_stop(self, *_: object) -> None:
        # A second Ctrl-C does not wait for anybody. One that comes at once is the same wish by two ways:
        # `make` passes on a SIGTERM that its whole group was sent.
        if self._stopping:
            self._impatient = time.monotonic() - self._asked_at > _SAME_WISH_SECONDS
        else:
            self._asked_at = time.monotonic()
        self._stopping = True

    def _wait(self, seconds: float) -> None:
        readable, _, _ = select.select([self._waker[0]], [], [], seconds)
        if readable:
            with contextlib.suppress(BlockingIOError):
                os.read(self._waker[0], 4096)

    def _reap(self) -> None:
        for child in self._children:
            if not child.pid:
                continue
            found, status = os.waitpid(child.pid, os.WNOHANG)
            if not found:
                continue
            # What it started must not outlive it: a worker's orphans would go on claiming comments.
            _end_group(child.pid)
            child.pid = 0
            if not self._stopping:
                self._plan_restart(child, os.waitstatus_to_exitcode(status))

    def _plan_restart(self, child: _Child, code: int) -> None:
        lived = time.monotonic() - child.started_at
        child.deaths = 1 if lived > STEADY_SECONDS else child.deaths + 1
        log = log_of(self.data_dir, child.process.name)
        if child.deaths == 2 and child.process.mend is not None:
            child.process.mend()
        elif not self._ready and child.deaths >= 3:
            raise Died(child.process.name, last_line(log), log)
        pause = min(LONGEST_PAUSE_SECONDS, 0.1 * 3 ** (child.deaths - 1))
        child.restart_at = time.monotonic() + pause
        how = f"exit code {code}" if code >= 0 else signal.Signals(-code).name
        self.say(f"{child.process.name} stopped ({how}) and is started again; see {log}")

    def _start(self, child: _Child) -> None:
        child.started_at = time.monotonic()
        pid = self._fork(child.process.name)
        if pid == 0:
            _become(child.process)
        child.pid = pid
        self._note()

    def _fork(self, name: str) -> int:
        """Fork; in the child, leave the terminal, follow the parent into death, and write to a log."""
        log = log_of(self.data_dir, name)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        # A signal between fork and the new handlers would run the parent's handlers in the child.
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        pid = os.fork()
        if pid == 0:
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGCHLD):
                signal.signal(number, signal.SIG_DFL)
            signal.signal(signal.SIGINT, signal.default_int_handler)
            os.setsid()  # Ctrl-C reaches the parent alone, which then stops everybody in order
            _die_with(parent)
            for end in (*self._waker, *self.let_go):
                os.close(end)
            with open(os.devnull, "rb") as nothing:
                os.dup2(nothing.fileno(), 0)
            os.dup2(out, 1)
            os.dup2(out, 2)
        os.close(out)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signal.valid_signals())
        return pid

    def _note(self) -> None:
        running = {child.process.name: child.pid for child in self._children if child.pid}
        note_processes(self.data_dir, running)


def warm_up(modules: Iterable[str], between: Callable[[], object]) -> None:
    """Import what the children need, once, and keep the collector from unsharing its pages.

    :param modules: by name.
    :param between: called between two of them.
    """
    import gc
    import importlib

    if CAN_FORK_WARM:
        for module in modules:
            importlib.import_module(module)
            between()
        gc.collect()
        gc.freeze()


def _become(process: Process) -> NoReturn:
    """Run the command line in this process and leave with its exit code."""
    os.environ.update(process.environment)
    script = Path(sys.executable).parent / process.command[0]
    if not CAN_FORK_WARM or "/" in process.command[0] or not script.exists():
        program = process.command[0] if "/" in process.command[0] else str(script)
        try:
            os.execv(program, process.command)  # noqa: S606  # our own command line, no shell
        except OSError as fault:
            sys.stderr.write(f"{program}: {fault.strerror}\n")
            os._exit(127)
    import runpy

    setproctitle.setproctitle(f"btl {process.name}")
    sys.argv = [str(script), *process.command[1:]]
    _leave(_run(lambda: runpy.run_path(str(script), run_name="__main__")))


def _run(work: Callable[[], object]) -> int:
    """Do the work of a child; its exit code is what the interpreter would have made of its end."""
    try:
        work()
    except SystemExit as ended:
        if ended.code is None or isinstance(ended.code, int):
            return ended.code or 0
        sys.stderr.write(f"{ended.code}\n")
        return 1
    except BaseException:
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _leave(code: int) -> NoReturn:
    """End a forked child as the interpreter would end, without unwinding into the parent's code."""
    import atexit
    import threading

    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _die_with(parent: int) -> None:
    """Be asked to stop when the parent is killed outright, which nobody can catch (Linux prctl(2))."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
