"""What somebody sees who types the command alone, or asks what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

DNAMASK = [sys.executable, "-m", "dnamask_plugins"]


def test_the_command_alone_says_what_to_do_next() -> None:
    done = subprocess.run(DNAMASK, capture_output=True, text=True, check=True)
    assert "dnamask quickstart" in done.stdout
    assert "dnamask --help" in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80


def test_doctor_shows_versions_caches_and_what_is_missing() -> None:
    done = subprocess.run([*DNAMASK, "doctor", "--json"], capture_output=True, text=True, check=False)
    found = json.loads(done.stdout)
    assert done.returncode == 0, found
    assert "torch" in found["environment"]["libraries"]
    assert found["plugins that fail"] == {}
    assert all("pip install" in why for why in found["missing"].values())


def test_doctor_names_a_plugin_that_fails_and_why(tmp_path: Path, warm_python: Path) -> None:
    metadata = tmp_path / "broken_dna-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-dna\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[dnamask.strategies]\nacme.broken = not_there:Strategy\n")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\nfrom dnamask_plugins.cli import main\nmain()"
    )
    done = subprocess.run([warm_python, "-c", program, "doctor"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "strategy acme.broken: " in done.stdout
    assert "broken-dna 1.0" in done.stdout
    assert "Traceback" not in done.stderr


def test_warnings_of_libraries_are_shown_to_who_asks_for_them() -> None:
    program = (
        "import warnings\nimport dnamask_plugins.cli as cli\n"
        "from dnamask_plugins.plugins import PluginWarning\n"
        "cli.app = lambda **k: (warnings.warn('of a library', FutureWarning), "
        "warnings.warn('of ours', PluginWarning))\n"
        "cli.main([])\n"
    )
    quiet = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert quiet.stderr == "warning: of ours\n"
    asked = subprocess.run(
        [sys.executable, "-W", "default", "-c", program], capture_output=True, text=True, check=True
    )
    assert "of a library" in asked.stderr
