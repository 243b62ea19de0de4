"""A real redis-server (or valkey-server) for a test, on a free port of 127.0.0.1, and a proxy that makes it slow."""
import contextlib
import os
import pathlib
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import harness

NAMES = ("redis-server", "valkey-server")


def program():
    """Where it is installed, or None."""
    return next((path for path in map(shutil.which, NAMES) if path), None)


class Redis:
    def __init__(self, password=None):
        self.password, self.port, self.process = password, harness.free_port(), None
        self.folder = tempfile.TemporaryDirectory()
        self.start()

    def start(self):
        args = [program(), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly",
                "no", "--dir", self.folder.name, "--logfile", str(pathlib.Path(self.folder.name) / "log")]
        if self.password:
            args += ["--requirepass", self.password]
        self.process = subprocess.Popen(args)
        assert harness.wait_until(lambda: self.do("PING").startswith(b"+PONG"))

    def do(self, *words):
        """One command; the raw reply, b"" if there is none."""
        def line(parts):
            return b"*%d\r\n" % len(parts) + b"".join(
                b"$%d\r\n%s\r\n" % (len(p), p) for p in (w.encode() for w in parts))
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 5) as s:
            s.settimeout(5)
            if self.password:
                s.sendall(line(("AUTH", self.password)))
                s.recv(100)
            s.sendall(line(words))
            return s.recv(65536)
        return b""

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def stop(self):
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self):
        os.kill(self.process.pid, signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.go_on()
            self.kill()
        self.folder.cleanup()


class SlowRoad:
    """Passes bytes on to a port, each answer `delay` seconds late."""

    def __init__(self, port):
        self.to, self.delay = port, 0.0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.over = False
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def accept(self):
        while not self.over:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client,), daemon=True).start()

    def carry(self, client):
        with client, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.to)) as server:
            while not self.over:
                for s in select.select([client, server], [], [], 0.2)[0]:
                    data = s.recv(65536)
                    if not data:
                        return
                    if s is server:
                        time.sleep(self.delay)
                    (client if s is server else server).sendall(data)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.over = True
        self.listener.close()
