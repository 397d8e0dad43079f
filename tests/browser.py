"""A headless Chromium that is told what to do by its DevTools protocol."""

import asyncio
import base64
import json
import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

from tornado.websocket import websocket_connect

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE = 60.0  # seconds, after which a browser that does nothing fails a test


class Browser:
    """One page; ``events`` are those that it was told of."""

    def __init__(self, port):
        self.loop = asyncio.new_event_loop()
        self.events, self.sent = [], 0
        with urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            (page,) = (each for each in json.load(answer) if each["type"] == "page")
        self.socket = self.loop.run_until_complete(self._connect(page["webSocketDebuggerUrl"]))
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    async def _connect(self, address):
        return await websocket_connect(address, max_message_size=2**28)

    def ask(self, method, **parameters):
        """Send a command and wait for its result."""
        return self.loop.run_until_complete(self._ask(method, parameters))

    async def _ask(self, method, parameters):
        self.sent += 1
        number = self.sent
        command = {"id": number, "method": method, "params": parameters}
        await self.socket.write_message(json.dumps(command))
        while True:
            text = await asyncio.wait_for(self.socket.read_message(), PATIENCE)
            answer = json.loads(text)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer)
                return answer["result"]
            self.events.append(answer)

    def run(self, script):
        """The value of a JavaScript expression."""
        done = self.ask(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in done, done
        return done["result"].get("value")

    def open(self, path, width=1200, height=900, dark=False):
        """Load a file in a window of a size."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.ask("Page.navigate", url=Path(path).resolve().as_uri())
        self.until("document.readyState === 'complete'")

    def until(self, script):
        """Wait for an expression to be true."""
        begun = time.monotonic()
        while not self.run(script):
            assert time.monotonic() - begun < PATIENCE, script
            time.sleep(0.05)

    def move(self, x, y):
        """Put the pointer at a place in the window."""
        self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def picture(self, path, whole=False):
        """Write a screenshot to a file."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        Path(path).write_bytes(base64.b64decode(shot["data"]))

    def complaints(self):
        """Errors and warnings of the console, and exceptions."""
        found = []
        for event in self.events:
            told = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(told["exceptionDetails"])
            elif event["method"] == "Log.entryAdded":
                found.append(told["entry"])
            elif event["method"] == "Runtime.consoleAPICalled" and told["type"] in (
                "error",
                "warning",
                "assert",
            ):
                found.append(told)
        return found

    def requests(self):
        """Addresses that were asked for."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event["method"] == "Network.requestWillBeSent"
        ]


@contextmanager
def browser():
    """A browser of one's own, that ends with the block."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"]
        options += ["--disable-dev-shm-usage", "--remote-debugging-port=0"]
        process = subprocess.Popen(
            [CHROMIUM, *options, f"--user-data-dir={folder}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = Path(folder, "DevToolsActivePort")
            begun = time.monotonic()
            while not (port.exists() and port.read_text().strip()):
                assert process.poll() is None, "the browser ended"
                assert time.monotonic() - begun < PATIENCE, "the browser did not start"
                time.sleep(0.05)
            opened = Browser(int(port.read_text().split()[0]))
            yield opened
            opened.socket.close()
            opened.loop.close()
        finally:
            process.terminate()
            process.wait()
