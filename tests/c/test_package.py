"""What `make install` installs: other programs can be built with it, wherever it is moved to."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from conftest import ROOT, declared

CONSUMERS = Path(__file__).parent / "consumers"
VERSION = re.search(r'FLOWAI_VERSION "(.*)"', (ROOT / "include" / "flowai.h").read_text())
assert VERSION
NUMBER = VERSION[1]


def make(library: Path, *arguments: str) -> str:
    """Run make for the library as the tests have it."""
    profile = {"debug": "dev"}.get(library.parent.name, library.parent.name)
    command = ["make", "-s", *arguments, f"PROFILE={profile}", f"CARGO_TARGET_DIR={library.parent.parent}"]
    # A make that runs the tests must not reach into this one.
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def symbols(path: Path, *options: str) -> dict[str, str]:
    """Every global name that a library defines, and its version."""
    listing = subprocess.run(
        ["readelf", "-W", *options, path], check=True, capture_output=True, text=True, timeout=120
    )
    rows = [line.split() for line in listing.stdout.splitlines()]
    rows = [row for row in rows if len(row) == 8 and row[4] in ("GLOBAL", "WEAK", "UNIQUE")]
    names = [row[7].partition("@") for row in rows if row[6] != "UND"]
    return {name: "@" + version if version else "" for name, _, version in names if name != "FLOWAI_0"}


@pytest.fixture(scope="session")
def archive(library: Path) -> Path:
    """The library as an archive for another machine."""
    return ROOT / make(library, "dist-c").strip().splitlines()[-1]


@pytest.fixture(scope="session")
def prefix(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the archive, unpacked."""
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(params=["unpacked", "moved elsewhere"])
def installed(request: pytest.FixtureRequest, prefix: Path, tmp_path: Path) -> Path:
    """The library where it was unpacked, and in another place."""
    if request.param == "unpacked":
        return prefix
    return Path(shutil.copytree(prefix, tmp_path / "elsewhere", symlinks=True))


@pytest.fixture
def pkg_config(tool: Callable[[str], str]) -> str:
    """The tool, which not every machine has."""
    return tool("pkg-config")


@pytest.fixture
def environment(server: dict[str, str]) -> dict[str, str]:
    """What a program needs to send."""
    return os.environ | {
        "FLOWAI_API_KEY": "MY_MESSAGING_API_KEY",
        "FLOWAI_BASE_URL": f"{server['http']}/fault/ok/cconsumer/rest/v1/",
    }


def build_and_run(
    name: str, prefix: Path, environment: dict[str, str], folder: Path, *arguments: str
) -> Path:
    shutil.copytree(CONSUMERS, folder / "consumers")
    place = folder / "consumers" / name
    found = environment | {"PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    subprocess.run(["make", "-s", *arguments], cwd=place, env=found, check=True, timeout=300)
    program = place / "program"
    done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, f"{NUMBER}\n"), done.stderr
    return program


def needs(program: Path) -> set[str]:
    dynamic = subprocess.run(["readelf", "-d", program], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\(NEEDED\).*\[(.*)\]", dynamic))


def test_makefile(prefix: Path, environment: dict[str, str], tmp_path: Path) -> None:
    program = build_and_run("makefile", prefix, environment, tmp_path, f"PREFIX={prefix}")
    assert "libflowai.so.0" in needs(program)


@pytest.mark.usefixtures("pkg_config")
def test_pkg_config(installed: Path, environment: dict[str, str], tmp_path: Path) -> None:
    program = build_and_run("pkg-config", installed, environment, tmp_path)
    assert "libflowai.so.0" in needs(program)


@pytest.mark.usefixtures("pkg_config")
@pytest.mark.parametrize("how", ["", "-static"])
def test_static(how: str, prefix: Path, environment: dict[str, str], tmp_path: Path) -> None:
    program = build_and_run("static", prefix, environment, tmp_path, f"LDFLAGS={how}")
    assert "libflowai.so.0" not in needs(program)
    assert how == "" or not needs(program)


@pytest.mark.usefixtures("pkg_config")
def test_two_rust_libraries(prefix: Path, environment: dict[str, str], tmp_path: Path) -> None:
    program = build_and_run("two-rust-libraries", prefix, environment, tmp_path)
    assert "libflowai.so.0" not in needs(program)


def test_cmake(
    installed: Path, environment: dict[str, str], tool: Callable[[str], str], tmp_path: Path
) -> None:
    source = Path(shutil.copytree(CONSUMERS, tmp_path / "consumers")) / "cmake"
    build = tmp_path / "build"
    cmake = tool("cmake")
    configure = [cmake, "-S", source, "-B", build, f"-DCMAKE_PREFIX_PATH={installed}"]
    subprocess.run(configure, check=True, stdout=subprocess.DEVNULL, timeout=120)
    subprocess.run([cmake, "--build", build], check=True, stdout=subprocess.DEVNULL, timeout=300)
    for target in ["flowai", "static"]:
        done = subprocess.run([build / target], env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (0, f"{NUMBER}\n"), done.stderr
        assert ("libflowai.so.0" in needs(build / target)) == (target == "flowai")
    # What it is not: a later version, or another major one.
    for wanted in ["0.2", "1.0"]:
        (source / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.13)\nproject(c C)\nfind_package(flowai {wanted} REQUIRED)\n"
        )
        refused = subprocess.run(
            [cmake, "-S", source, "-B", tmp_path / wanted, f"-DCMAKE_PREFIX_PATH={installed}"],
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert refused.returncode != 0
        assert "version" in refused.stderr


def test_the_libraries_define_what_the_header_declares_and_nothing_else(prefix: Path) -> None:
    names = declared()
    shared = symbols(prefix / "lib" / "libflowai.so", "--dyn-syms")
    assert shared == dict.fromkeys(names, "@@FLOWAI_0")
    assert set(symbols(prefix / "lib" / "libflowai.a", "-s")) == names


def test_the_shared_library_is_what_loaders_expect(prefix: Path) -> None:
    library = prefix / "lib" / "libflowai.so"
    assert os.readlink(library) == "libflowai.so.0"
    assert os.readlink(library.parent / "libflowai.so.0") == f"libflowai.so.{NUMBER}"
    listing = subprocess.run(["readelf", "-dlW", library], check=True, capture_output=True, text=True).stdout
    assert "soname: [libflowai.so.0]" in listing
    assert "NODELETE" in listing
    assert "BIND_NOW" in listing
    assert "GNU_RELRO" in listing
    assert re.search(r"GNU_STACK .* RW ", listing), "the stack must not be executable"
    assert "TEXTREL" not in listing
    assert needs(library) <= {"libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux-x86-64.so.2"}


def test_the_licences_of_all_that_is_inside_are_there(prefix: Path) -> None:
    text = (prefix / "share" / "licenses" / "flowai" / "THIRD-PARTY").read_text()
    for name in ["rustls", "ring", "hyper", "rusqlite"]:
        assert re.search(rf"^{name} [0-9.]+: .*(MIT|Apache|ISC)", text, re.MULTILINE), name
    assert "Permission is hereby granted" in text
    # What only tests or other programs of ours use is not inside.
    assert not re.search(r"^(cbindgen|pyo3|clap) ", text, re.MULTILINE)


@pytest.fixture
def where(library: Path, tmp_path: Path) -> Iterator[list[str]]:
    """Where a library without receiver, inbox and outbox goes; afterwards the whole one is back."""
    try:
        yield [
            f"DESTDIR={tmp_path / 'a root'}",
            "PREFIX=/usr",
            "LIBDIR=lib/aarch64-linux-gnu",
            "FEATURES=small",
        ]
    finally:
        profile = {"debug": "dev"}.get(library.parent.name, library.parent.name)
        command = ["cargo", "build", "-q", "-p", "flowai-c", "--profile", profile]
        subprocess.run(command, cwd=ROOT, check=True, timeout=900)


@pytest.mark.usefixtures("pkg_config")
def test_a_small_client_in_a_system(
    where: list[str], library: Path, prefix: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    root = tmp_path / "a root"
    libraries = root / "usr" / "lib" / "aarch64-linux-gnu"
    libraries.mkdir(parents=True)
    (libraries / "other").touch()
    make(library, "install", *where)

    # What it is: a client and no more.
    shared = libraries / "libflowai.so"
    assert set(symbols(shared, "--dyn-syms")) == declared(
        "-DFLOWAI_WITHOUT_DELIVERY", "-DFLOWAI_WITHOUT_UPLOAD"
    )
    assert shared.stat().st_size < 0.8 * (prefix / "lib" / "libflowai.so").stat().st_size
    licences = (root / "usr" / "share" / "licenses" / "flowai" / "THIRD-PARTY").read_text()
    assert "rustls" in licences
    assert "rusqlite" not in licences

    # Programs are told by pkg-config and CMake, from wherever the root is mounted.
    config = (libraries / "cmake" / "flowai" / "flowai-config.cmake").read_text()
    assert config.count('INTERFACE_COMPILE_DEFINITIONS "FLOWAI_WITHOUT_DELIVERY;FLOWAI_WITHOUT_UPLOAD"') == 2
    assert str(root) not in config
    mounted = tmp_path / "mounted"
    (root / "usr").rename(mounted)
    shutil.copytree(CONSUMERS, tmp_path / "consumers")
    found = environment | {"PKG_CONFIG_PATH": str(mounted / "lib" / "aarch64-linux-gnu" / "pkgconfig")}
    place = tmp_path / "consumers" / "pkg-config"
    subprocess.run(["make", "-s"], cwd=place, env=found, check=True, timeout=300)
    subprocess.run([place / "program"], env=environment, check=True, stdout=subprocess.DEVNULL, timeout=60)
    # It brings no certificate authorities along, and says so where the system has none.
    (tmp_path / "none").mkdir()
    alone = environment | {
        "SSL_CERT_FILE": os.devnull,
        "SSL_CERT_DIR": str(tmp_path / "none"),
        "FLOWAI_BASE_URL": "https://127.0.0.1:9/rest/v1/",
    }
    refused = subprocess.run([place / "program"], env=alone, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 1
    assert "ca_file" in refused.stderr
    assert "no certificate authorities" in refused.stderr
    mounted.rename(root / "usr")

    make(library, "uninstall", *where)
    assert files(root) == {"usr/lib/aarch64-linux-gnu/other"}


def test_the_archive_is_for_everybody_and_made_the_same_way_twice(
    library: Path, archive: Path, prefix: Path
) -> None:
    assert re.fullmatch(rf"libflowai-{re.escape(NUMBER)}-\w+-linux-gnu", prefix.name), prefix.name
    with tarfile.open(archive) as opened:
        assert {(member.uid, member.gid, member.mtime) for member in opened.getmembers()} == {(0, 0, 0)}
    assert {"include/flowai.h", "lib/libflowai.a", "share/licenses/flowai/LICENSE-MIT"} <= files(prefix)
    for path in prefix.rglob("*"):
        if path.is_file() and path.suffix in (".pc", ".cmake"):
            assert str(ROOT) not in path.read_text()
            assert "@" not in path.read_text()
