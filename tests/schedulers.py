"""Stand-ins for the schedulers of the system, so that no test touches those of the user."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

_CRONTAB = """\
#!/bin/sh
cd "$(dirname "$0")/.." || exit 9
if [ -f refusal ]; then cat refusal >&2; exit 1; fi
if [ -f killer ] && [ "$1" != -l ]; then kill -9 "$PPID"; fi
case "$1" in
-l) if [ -f crontab ]; then cat crontab; else echo "no crontab for $USER" >&2; exit 1; fi
    if [ -f pause ]; then sleep "$(cat pause)"; fi ;;
-) cat > crontab ;;
*) cat "$1" > installed && mv installed crontab ;;
esac
[ "$1" = -l ] || touch answered
"""

_SYSTEMCTL = """\
#!/bin/sh
cd "$(dirname "$0")/.." || exit 9
[ -f bus ] || { echo "Failed to connect to bus" >&2; exit 1; }
echo "$@" >> systemctl
if [ -f refusal ] && [ "$2" != show-environment ]; then cat refusal >&2; exit 1; fi
"""


@dataclass(frozen=True)
class Machine:
    """A folder that plays the part of a system: what stands in it decides how it answers."""

    folder: Path

    @property
    def crontab(self) -> Path:
        return self.folder / "crontab"

    @property
    def units(self) -> Path:
        return self.folder / "config" / "systemd" / "user"

    @property
    def systemctl_calls(self) -> Sequence[str]:
        calls = self.folder / "systemctl"
        return calls.read_text().splitlines() if calls.exists() else ()

    def start_user_bus(self) -> None:
        (self.folder / "bus").touch()

    @property
    def has_answered(self) -> bool:
        """Whether a crontab program has ended, also one that lost its caller."""
        return (self.folder / "answered").exists()

    def kill_callers(self) -> None:
        """Kill each program that installs a crontab, before anything of it is read."""
        (self.folder / "answered").unlink(missing_ok=True)
        (self.folder / "killer").touch()

    def pause_after_reading(self, seconds: float) -> None:
        """Let other processes act between reading and writing the crontab."""
        (self.folder / "pause").write_text(str(seconds))

    def refuse(self, words: str) -> None:
        """Let every change fail from here on, with these words."""
        (self.folder / "refusal").write_text(words)


def set_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Put stand-ins for `crontab`, `systemctl` and `loginctl` first in PATH."""
    programs = folder / "programs"
    programs.mkdir(parents=True)
    scripts = {"crontab": _CRONTAB, "systemctl": _SYSTEMCTL, "loginctl": "#!/bin/sh\n"}
    for name, script in scripts.items():
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs), prepend=os.pathsep)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(folder / "config"))
    return Machine(folder)
