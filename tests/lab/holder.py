"""Process 1 of a lab namespace (started by `netns.Namespace`, never imported).

It keeps the namespaces alive, reaps daemons that were orphaned in them (a zombie would make
frrcommon.sh wait for it), and leaves when its standard input closes, that is, when the test
process is gone however it went. The kernel then ends every process of this PID namespace and
drops its interfaces and mounts, so nothing can be left over.
"""

import os
import select
import signal


def reap_children() -> None:
    """Collect every child that has ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def main() -> None:
    """Serve until standard input ends."""
    wake_read, wake_write = os.pipe()
    for fd in (wake_read, wake_write):
        os.set_blocking(fd, False)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    os.write(1, b"ready\n")
    while True:
        ready = select.select([0, wake_read], [], [])[0]
        if wake_read in ready:
            os.read(wake_read, 4096)
            reap_children()
        if 0 in ready and not os.read(0, 4096):
            return


main()
