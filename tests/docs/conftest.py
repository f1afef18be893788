"""An environment in which a page can be followed: it may install, and leaves this one as it is."""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest
from page_folders import put

__all__ = ["put"]

ROOT = Path(__file__).resolve().parents[2]
TORCHRUN = """\
# Whatever torchrun takes is read by torchrun; one process stands for them all (tests/training starts them).
{python} -c '
import sys
from torch.distributed.run import get_args_parser
given = get_args_parser().parse_args(sys.argv[1:])
assert given.module and given.training_script == "dnamask_plugins"
' "$@" || exit 2
while [ "$1" != dnamask_plugins ]; do shift; done
shift
exec dnamask "$@"
"""
Shell = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder in which a page is followed."""
    return tmp_path


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory, warm_python: Path) -> Path:
    """A virtual environment that sees what is installed here; its commands are run by `warm_python`."""
    pytest.importorskip(
        "setuptools", minversion="77", reason="packages are built with the setuptools at hand"
    )
    home = tmp_path_factory.mktemp("environment")
    venv.create(home, with_pip=False, symlinks=True)
    binaries = home / "bin"
    site = sysconfig.get_path("purelib", vars={"base": str(home), "platbase": str(home)})
    inherited = [sysconfig.get_path("purelib"), sysconfig.get_path("platlib")]
    lines = [str(ROOT), *(f"import site; site.addsitedir({path!r})" for path in dict.fromkeys(inherited))]
    Path(site, "inherited.pth").write_text("\n".join(lines) + "\n")
    scripts = {
        "pip": f'exec {binaries / "python"} -m pip "$@"',
        "pytest": f'exec {warm_python} -m pytest "$@"',
        "dnamask": f'exec {warm_python} -m dnamask_plugins "$@"',
        "torchrun": TORCHRUN.format(python=warm_python),
    }
    for name, text in scripts.items():
        (binaries / name).write_text(f"#!/bin/bash\n{text}\n")
        (binaries / name).chmod(0o755)
    return home


@pytest.fixture
def shell(home: Path, folder: Path) -> Shell:
    """Run a bash command in that environment, without a network.

    One shell per call; variables that a command sets stay for the next ones.
    """
    binaries = home / "bin"
    memory = home / "variables.sh"
    memory.write_text("")
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTEST", "PYTHON", "PIP_"))
    }
    environment |= {
        "PATH": f"{binaries}{os.pathsep}{environment['PATH']}",
        "WARM_PREFIX": str(home),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",  # pip reads this as: no isolation
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_NO_WARN_CONFLICTS": "1",  # among all that is installed here, which is not a page's matter
        "COLUMNS": "120",
        "MPLBACKEND": "agg",
        "OMP_NUM_THREADS": "1",
    }

    def run(command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        program = (
            f"set -a; source {memory}; set -e; {command}\n declare -p GENOME > {memory} 2>/dev/null || true"
        )
        done = subprocess.run(
            ["bash", "-c", program], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        if check:
            assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
        return done

    return run
