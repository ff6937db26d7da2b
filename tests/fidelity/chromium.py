"""A headless Chromium, spoken to over its DevTools protocol by a pair of pipes: no port, no library.

Messages are JSON ended by a zero byte (`--remote-debugging-pipe`: file 3 is read, file 4 is written).
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.servers.base import ServerUnavailable

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_FLAGS = (
    "--headless",
    "--no-sandbox",  # our own pages only, and root has no other way
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--disable-lcd-text",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--force-device-scale-factor=1",
    "--force-color-profile=srgb",
    "--proxy-server=127.0.0.1:9",  # nothing of the network is needed
)
_SECONDS = 100.0


class Chromium:
    """One browser process with a profile of its own, stopped by its id."""

    def __init__(self) -> None:
        program = next(filter(None, map(shutil.which, _NAMES)), None)
        if program is None:
            raise ServerUnavailable(
                "Chromium is not installed (Debian: apt-get install chromium): nothing to compare with."
            )
        self._profile = tempfile.mkdtemp(prefix="fidelity-chromium-")
        self._count = 0
        self._read = b""
        self._session: str | None = None
        self._pid = self._spawn(program)

    def _spawn(self, program: str) -> int:
        child_in, self._out = os.pipe()
        self._in, child_out = os.pipe()
        # Away from 3 and 4, which the browser gets.
        high_in, high_out = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 100) for end in (child_in, child_out))
        log = os.open(Path(self._profile) / "log", os.O_WRONLY | os.O_CREAT, 0o600)
        high_log = fcntl.fcntl(log, fcntl.F_DUPFD_CLOEXEC, 100)
        actions = [(os.POSIX_SPAWN_DUP2, high_log, 1), (os.POSIX_SPAWN_DUP2, high_log, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, high_in, 3), (os.POSIX_SPAWN_DUP2, high_out, 4)]
        arguments = [program, *_FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        pid = os.posix_spawn(program, arguments, os.environ, file_actions=actions, setpgroup=0)
        for end in (child_in, child_out, high_in, high_out, log, high_log):
            os.close(end)
        return pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the browser and its helpers (they are its process group), and remove its profile."""
        os.close(self._out)  # it ends when its pipe does
        os.close(self._in)
        deadline = time.monotonic() + 5
        while os.waitpid(self._pid, os.WNOHANG) == (0, 0):
            if time.monotonic() > deadline:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(self._pid, signal.SIGKILL)
                os.waitpid(self._pid, 0)
                break
            time.sleep(0.02)
        shutil.rmtree(self._profile, ignore_errors=True)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """The result of a command of the protocol. Raises RuntimeError with the browser's words."""
        self._count += 1
        message: dict[str, Any] = {"id": self._count, "method": method, "params": params}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._count:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                result: dict[str, Any] = answer["result"]
                return result

    def _next(self) -> dict[str, Any]:
        parts = [self._read]
        while b"\0" not in parts[-1]:
            if not select.select([self._in], [], [], _SECONDS)[0]:
                raise TimeoutError(f"Chromium has been silent for {_SECONDS:.0f} s.")
            data = os.read(self._in, 1 << 20)
            if not data:
                log = (Path(self._profile) / "log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"Chromium has ended: {log}")
            parts.append(data)
        message, _, self._read = b"".join(parts).partition(b"\0")
        answer: dict[str, Any] = json.loads(message)
        return answer

    def open(self, page: Path, width: int, height: int) -> None:
        """Load a page in a window of this size; its fonts and pictures too."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=False,
        )
        self.call("Page.navigate", url=page.as_uri())
        deadline = time.monotonic() + _SECONDS
        while self.evaluate("document.readyState + location.protocol") != "completefile:":
            if time.monotonic() > deadline:
                raise TimeoutError(f"{page} does not load.")
            time.sleep(0.05)

    def evaluate(self, script: str) -> Any:
        """The value of an expression in the page, awaited if it is a promise."""
        answer = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def screenshot(self) -> bytes:
        """What the window shows, as PNG."""
        return base64.b64decode(
            self.call("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"]
        )

    def version(self) -> str:
        """Such as `Chrome/156.0.8078.79`."""
        return str(self.call("Browser.getVersion")["product"])
