"""A headless Chromium, if there is one: pages as it shows them."""

import json
import re
import shutil
import subprocess
import tempfile
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), ""
)
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="NO BROWSER: pages are not tried; apt-get install chromium"
)
_REPORT = """<script>
addEventListener("load", () => {
  const told = {};
  try { (() => { %s })(); } catch (error) { told.error = String(error.stack || error); }
  const holder = document.createElement("pre");
  holder.id = "told";
  holder.textContent = JSON.stringify(told);
  document.body.append(holder);
});
</script>"""


def _run(arguments: list[str]) -> str:
    with tempfile.TemporaryDirectory() as profile:
        command = [
            CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
            f"--user-data-dir={profile}", "--virtual-time-budget=4000", *arguments,
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=100, check=True)
    return done.stdout.decode()


def told(page: str, folder: Path, script: str, address: str = "") -> dict[str, Any]:
    """What JavaScript that runs in a page notes in `told`."""
    file = folder / "told.html"
    file.write_text(page.replace("</body>", _REPORT % script + "</body>"), "utf-8")
    dom = _run(["--dump-dom", f"{file.as_uri()}{address}"])
    found = re.search(r'<pre id="told">(.*?)</pre>', dom, re.S)
    assert found, dom[-500:]
    answer = json.loads(unescape(found.group(1)))
    assert "error" not in answer, answer["error"]
    return answer


def picture(page: str, folder: Path, address: str = "", size: str = "1200,900", dark: bool = False):
    """A page as an image of Pillow's."""
    image = pytest.importorskip("PIL.Image")
    file, png = folder / "shown.html", folder / "shown.png"
    file.write_text(page, "utf-8")
    colours = ["--blink-settings=preferredColorScheme=0"] if dark else []
    _run([f"--window-size={size}", *colours, f"--screenshot={png}", f"{file.as_uri()}{address}"])
    with image.open(png) as opened:
        return opened.convert("RGB")


def on_a_phone(page: str) -> str:
    """A page in a frame as wide as a phone: windows of headless browsers are wider."""
    return (
        "<!doctype html><html><body><iframe id='phone' style='width:390px;height:800px;border:0' "
        f'srcdoc="{escape(page, quote=True)}"></iframe></body></html>'
    )
