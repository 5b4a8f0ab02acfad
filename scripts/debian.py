"""Debian packages in a folder of their own: nothing is installed, so nothing else on the machine changes.

apt resolves, downloads and verifies; the packages are unpacked side by side. Works for other
architectures too, as a root folder for an emulator. Needs no root, only apt and a list of sources.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

INSTALLED = Path("/var/lib/dpkg/status")

CONFIGURATION = """\
APT::Architecture "{architecture}";
APT::Architectures {{ "{architecture}"; }};
APT::Install-Recommends "false";
APT::Sandbox::User "";
Acquire::Languages "none";
Debug::NoLocking "true";
Dir::Cache "{folder}/cache";
Dir::State::Lists "{folder}/lists";
Dir::State::Status "{status}";
"""

OTHER_SUITE = """\
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
"""

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


def host_architecture() -> str:
    """Tell what Debian calls this machine."""
    return subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()


def unpack(folder: Path, architecture: str, *packages: str, suite: str | None = None) -> None:
    """Unpack packages into `folder`, with all that they depend on.

    From the suite that this machine uses, for its own architecture: with what is not installed already.
    """
    done = folder / ".packages"
    wanted = "\n".join([*sorted(packages), suite or "own suite"])
    if done.exists() and done.read_text() == wanted:
        return
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SystemExit(f"missing: apt-get and dpkg-deb, to fetch {', '.join(packages)}")
    shutil.rmtree(folder, ignore_errors=True)
    state = folder / ".apt"
    for part in ("lists/partial", "cache/archives/partial"):
        (state / part).mkdir(parents=True)
    status = INSTALLED
    if suite or architecture != host_architecture():
        status = state / "status"
        status.touch()
    configuration = state / "apt.conf"
    settings = CONFIGURATION.format(
        architecture=architecture, folder=state.resolve(), status=status.resolve()
    )
    if suite:
        settings += OTHER_SUITE.format(folder=state.resolve())
        source = f"deb [signed-by={KEYRING}] http://deb.debian.org/debian {suite} main\n"
        (state / "sources.list").write_text(source)
    configuration.write_text(settings)
    environment = os.environ | {"APT_CONFIG": str(configuration), "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--download-only", *packages]):
        ran = subprocess.run(
            ["apt-get", *command],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1800,
        )
        # An index that cannot be had matters only if a package is missing from the others.
        if ran.returncode != 0 and command[0] == "install":
            raise SystemExit(f"apt-get cannot fetch {', '.join(packages)} for {architecture}:\n{ran.stdout}")
    # Packages take these links for granted, which are part of an installation.
    for part in ("bin", "lib", "lib64", "sbin"):
        (folder / "usr" / part).mkdir(parents=True, exist_ok=True)
        (folder / part).symlink_to(f"usr/{part}")
    for archive in sorted((state / "cache" / "archives").glob("*.deb")):
        subprocess.run(["dpkg-deb", "-x", str(archive), str(folder)], check=True)
    shutil.rmtree(state)
    done.write_text(wanted)
