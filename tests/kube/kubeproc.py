"""One server process of a test: started, stopped, killed, frozen, by the pid we hold and no other."""
import atexit
import signal
import subprocess
from pathlib import Path

from ..lab.wait import WaitError, poll


class NotReady(Exception):
    """A server ended, or did not answer in time; the text has the end of its log."""


class Process:
    def __init__(self, name, command, log, ready=None, netns=None):
        """ready() -> bool tells whether the server answers; netns: the path of a network namespace."""
        self.name = name
        self.command = [str(word) for word in command]
        # nsenter without a pid namespace execs the program: the pid stays the one we hold
        self.prefix = ["nsenter", f"--net={netns}", "--"] if netns else []
        self.log = Path(log)
        self.ready = ready
        self._process = None
        atexit.register(self.kill)

    @property
    def pid(self):
        return self._process.pid if self.running else None

    @property
    def running(self):
        return self._process is not None and self._process.poll() is None

    def start(self, wait=True, timeout_s=60):
        if self.running:
            return
        with self.log.open("ab") as log:
            # its own session: Ctrl-C is for the test, which then stops its servers in order
            self._process = subprocess.Popen(self.prefix + self.command, stdin=subprocess.DEVNULL,
                                             stdout=log, stderr=log, start_new_session=True)
        if wait:
            self.wait_ready(timeout_s)

    def wait_ready(self, timeout_s=60):
        try:
            poll(lambda: not self.running or self.ready is None or self.ready(), timeout_s, self.name)
        except WaitError as error:
            raise NotReady(f"{error}\n{self._log_end()}") from None
        if not self.running:
            raise NotReady(f"{self.name} ended\n{self._log_end()}")

    def stop(self, grace_s=10):
        """SIGTERM; SIGKILL after the grace. (kube-apiserver keeps open watches for up to 60 s.)"""
        if self.running:
            self.thaw()
            self.terminate()
            try:
                self._process.wait(grace_s)
            except subprocess.TimeoutExpired:
                self.kill()

    def terminate(self):
        """SIGTERM alone, for tests of what happens until the server is gone."""
        self._signal(signal.SIGTERM)

    def kill(self):
        if self.running:
            self._signal(signal.SIGKILL)
            self._process.wait()

    def restart(self, grace_s=10, wait=True):
        self.stop(grace_s)
        self.start(wait)

    def freeze(self):
        """SIGSTOP: the kernel still takes connections and acknowledges bytes, nobody answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self):
        self._signal(signal.SIGCONT)

    def _signal(self, number):
        if self.running:
            self._process.send_signal(number)

    def _log_end(self, lines=8):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
