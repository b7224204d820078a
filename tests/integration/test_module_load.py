"""bgpd starts, whatever lies where the module's engine should be (rules R5).

Each failure has its reason in `show kubevip json`, costs no session and no route, and the saved
configuration survives `write memory` byte for byte. Stock vtysh does not know our lines: they reach
bgpd as vtysh would send them (ModuleRouter.boot).
"""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, ContextManager, Iterator

import pytest

from tests.lab import Lab, poll
from tests.lab.netns import CommandError
from tests.lab.router import FRR_MODULES
from tests.lab.vty import VtyError

from .modulelab import (
    ANNOUNCED,
    EXTRA,
    OPERATORS,
    OUR_LINES,
    OUR_MATCHES,
    WITNESSES,
    ModuleDirectory,
    ModuleRouter,
    built,
    compile_engine,
    ours,
)

MISSING = "a_function_that_frr_does_not_have"
ENTRY = """
static int start(void *loop, char *why, size_t size)
{{
	(void)loop;
	{start}
	return {rc};
}}
extern const struct bgp_kubevip_entry bgp_kubevip_entry;
const struct bgp_kubevip_entry bgp_kubevip_entry = {{
	.abi = {abi}, .frr_version = {frr_version}, .version = "test", .start = start,
}};
"""


def entry(start: str = "", rc: int = 0, abi: str = "BGP_KUBEVIP_ABI", frr: str = "FRR_IS") -> str:
    """The C text of an engine that does nothing but this. `why` and `size` are start()'s."""
    return ENTRY.format(start=start or "(void)why; (void)size;", rc=rc, abi=abi, frr_version=frr)


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> ModuleDirectory:
    """FRR's directory of modules for r1."""
    found = ModuleDirectory(tmp_path_factory.mktemp("shim") / "modules")
    found.clear()
    return found


@pytest.fixture(scope="module")
def lab(modules: ModuleDirectory) -> Iterator[Lab]:
    """A lab of its own: bgpd of r1 runs with the module, by name."""
    binds = [(modules.path, str(FRR_MODULES))]
    with Lab(r1_options={"bgpd": "-M kubevip"}, r1_binds=binds, r1_extra=EXTRA) as raised:
        yield raised


@pytest.fixture(scope="module")
def saved(lab: Lab, modules: ModuleDirectory) -> str:
    """frr.conf with our lines in it, as `write memory` has written it."""
    router = ModuleRouter(lab, modules)
    router.type(*OUR_LINES, *OUR_MATCHES)
    text = router.write_memory()
    assert sorted(ours(text)) == sorted(OUR_LINES + [OUR_MATCHES[1], OUR_MATCHES[4]])
    return text


@pytest.fixture
def router(lab: Lab, modules: ModuleDirectory, saved: str) -> ModuleRouter:
    """r1, with no engine for the next start of bgpd."""
    modules.clear()
    return ModuleRouter(lab, modules)


# ---- what may lie there --------------------------------------------------------------------------


@dataclass
class Failure:
    """Something wrong with the engine: how it comes about, and what is said of it."""

    reason: str
    arrange: Callable[[ModuleRouter], ContextManager | None]
    names: str = ""  # what the explanation has to name


def other_version_only(router: ModuleRouter) -> None:
    router.modules.put_engine(version="9.9.9")


def unreadable(router: ModuleRouter) -> None:
    router.modules.put_engine().chmod(0)


def garbage(router: ModuleRouter) -> None:
    router.modules.engine.write_bytes(b"\x7fELF" + bytes(range(256)) * 64)


def cut_short(router: ModuleRouter) -> None:
    whole = built("engine.so").read_bytes()
    router.modules.engine.write_bytes(whole[: len(whole) // 2])


def compiled(source: str) -> Callable[[ModuleRouter], None]:
    def arrange(router: ModuleRouter) -> None:
        compile_engine(source, router.modules.engine)

    return arrange


def without_libcurl(router: ModuleRouter) -> ContextManager:
    router.modules.put_engine()
    return hidden(router, "libcurl")


@contextmanager
def hidden(router: ModuleRouter, library: str) -> Iterator[None]:
    """r1 has an empty file where this library of the engine was."""
    needed = subprocess.run(["ldd", built("engine.so")], capture_output=True, text=True).stdout
    path = next(line.split()[2] for line in needed.splitlines() if library in line)
    empty = router.lab.run.directory / "empty"
    empty.touch()
    router.r1.space.run(["mount", "--bind", str(empty), str(Path(path).resolve())])
    try:
        yield
    finally:
        router.r1.space.run(["umount", str(Path(path).resolve())])


UNRESOLVED = f"extern void {MISSING}(void); void (*missing)(void) = {MISSING};" + entry()
FAILURES = {
    "no engine": Failure("engine-missing", lambda router: None),
    "engine of another version alone": Failure("engine-missing", other_version_only, "9.9.9"),
    "engine not readable": Failure("engine-unreadable", unreadable),
    "garbage": Failure("engine-damaged", garbage),
    "cut short": Failure("engine-damaged", cut_short),
    "unresolved symbol": Failure("engine-unloadable", compiled(UNRESOLVED), MISSING),
    "libcurl hidden": Failure("engine-unloadable", without_libcurl, "libcurl"),
    "no engine of ours": Failure("engine-foreign", compiled("int something;")),
    "another interface": Failure(
        "engine-abi", compiled(entry("__builtin_trap();", abi="BGP_KUBEVIP_ABI + 1"))
    ),
    "lying about its FRR": Failure(
        "engine-frr-version", compiled(entry("__builtin_trap();", frr='"8.4.3"')), "8.4.3"
    ),
    "start fails": Failure(
        "engine-start-failed",
        compiled('#include <string.h>\n' + entry('strncpy(why, "no \\"luck\\"\\t", size);', -1)),
        'no "luck"\t',
    ),
    "start fails without a word": Failure("engine-start-failed", compiled(entry(rc=-1))),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES.keys())
def test_bgpd_starts_and_loses_nothing(router: ModuleRouter, saved: str, failure: Failure) -> None:
    with failure.arrange(router) or nullcontext():
        router.boot(saved)
    engine = router.show()["engine"]
    assert (engine["state"], engine["reason"]) == ("inert", failure.reason)
    assert engine["todo"] and failure.names in engine["text"]
    assert engine["path"] == str(FRR_MODULES / "kubevip" / router.modules.engine.name)
    assert router.show("vip 192.168.77.128 explain")["engine"] == engine
    assert [trouble["kind"] for trouble in router.show()["trouble"]] == [failure.reason]
    assert router.announced() == {ANNOUNCED, *WITNESSES}
    assert router.write_memory() == saved


def test_the_log_says_so(router: ModuleRouter, saved: str) -> None:
    log = router.r1.log_path("bgpd")
    before = log.stat().st_size
    router.boot(saved)
    assert b"kubevip: INERT" in log.read_bytes()[before:]


def test_the_engine_runs(router: ModuleRouter, saved: str) -> None:
    """It answers for itself, and writes the same lines to the same place."""
    router.modules.put_engine()
    router.boot(saved)
    page = router.show()
    assert page.get("engine", {}).get("state") != "inert"
    poll(lambda: list(router.show()["clusters"]) == ["lab"], 10, "the configuration is applied")
    without_matches = [line for line in saved.splitlines() if not line.startswith(" match kubevip")]
    written = router.write_memory().splitlines()
    assert [line for line in written if not line.startswith(" match kubevip")] == without_matches


def test_nothing_of_the_engine_is_visible(router: ModuleRouter, saved: str) -> None:
    """RTLD_LOCAL: bgpd, its modules and its libraries do not meet our symbols."""
    look = "#include <dlfcn.h>\n#include <stdio.h>\nint kvip_engine_new;\n" + entry(
        'void *all = dlopen(NULL, RTLD_LAZY); snprintf(why, size, "%d %d %d", '
        '!dlsym(all, "bgp_kubevip_entry"), !dlsym(all, "kvip_engine_new"), '
        '!!dlsym(all, "frr_module"));',
        -1,
    )
    compile_engine(look, router.modules.engine)
    router.boot(saved)
    assert router.show()["engine"]["text"].endswith(" 1 1 1")


# ---- lines, typed --------------------------------------------------------------------------------


@pytest.fixture
def inert(router: ModuleRouter, saved: str) -> Iterator[ModuleRouter]:
    """bgpd without an engine, and without any line of ours but what the test types."""
    bare = [line for line in saved.splitlines() if line not in ours(saved)]
    router.boot("\n".join(bare))
    assert kept(router) == []
    yield router
    router.r1.write_etc("frr.conf", saved)


def kept(router: ModuleRouter) -> list[str]:
    """Our lines in bgpd's own running configuration."""
    return ours(router.r1.vty("bgpd", "show running-config"))


def test_lines_are_kept_as_typed(inert: ModuleRouter) -> None:
    typed = ["kubevip zebra is  a word", 'kubevip b "quoted" {x} %s', "debug kubevip b"]
    inert.type(*typed, "kubev b c", typed[0], typed[2])
    expected = ["kubevip zebra is a word", 'kubevip b "quoted" {x} %s', "debug kubevip b"]
    assert kept(inert) == expected + ["kubevip b c"]
    assert inert.show()["keptLines"] == 4


def test_no_removes_what_begins_so(inert: ModuleRouter) -> None:
    lines = ["kubevip a b", "kubevip a", "kubevip ab", "debug kubevip a", "kubevip a b c"]
    inert.type(*lines, "no kubevip a b")
    assert kept(inert) == ["kubevip a", "kubevip ab", "debug kubevip a"]
    inert.type("no debug kubevip a", "no kubevip nothing like it", "no kubevip a")
    assert kept(inert) == ["kubevip ab"]
    inert.type("no kubevip ab")
    assert kept(inert) == []


def test_match_lines_live_as_long_as_their_entry(inert: ModuleRouter) -> None:
    inert.type("route-map M permit 10", "match kubevip label a=b", "match kubevip service n/s")
    inert.type("route-map M deny 20", "match kubevip label a=b", "match kubevip label a=b")
    lines = [" match kubevip label a=b", " match kubevip service n/s", " match kubevip label a=b"]
    assert kept(inert) == lines
    inert.type("route-map M deny 10")  # the entry turns; its lines stay
    running = inert.r1.vty("bgpd", "show running-config").splitlines()
    assert running.count("route-map M deny 10") == 2
    inert.type("route-map M permit 10", "no match kubevip label")
    assert kept(inert) == lines[1:]
    inert.type("no route-map M permit 10")
    assert kept(inert) == lines[2:]
    inert.type("route-map M permit 10")  # a new entry of that name has nothing of the old one
    assert kept(inert) == lines[2:]
    inert.type("no route-map M")
    assert kept(inert) == [] and inert.show()["keptMatches"] == 0


def test_without_our_match_an_entry_is_the_operators(inert: ModuleRouter) -> None:
    """The rule goes with its last line, and comes with the first."""
    inert.type("route-map M permit 10", "match kubevip label a=b", "match kubevip cluster c")
    inert.type("route-map M permit 10", "no match kubevip label a=b")
    assert clauses(inert) == ["kubevip"]
    inert.type("route-map M permit 10", "no match kubevip")
    assert clauses(inert) == [] and kept(inert) == []
    inert.type("route-map M permit 10", "match kubevip label a=b")
    assert clauses(inert) == ["kubevip"]
    inert.type("no route-map M")


def clauses(router: ModuleRouter) -> list[str]:
    """The kinds of match in the first entry of route-map M."""
    rules = router.r1.vty_json("bgpd", "show route-map M")["BGP"]["M"]["rules"]
    return [clause.split()[0] for clause in rules[0]["matchClauses"]]


@pytest.mark.parametrize("order", ["clear kubevip orphans", "kubevip flush", "debug kubevip api"])
def test_orders_are_refused(inert: ModuleRouter, order: str) -> None:
    with pytest.raises(VtyError, match="engine-missing|no engine"):
        inert.r1.vty("bgpd", order)
    assert kept(inert) == []


@pytest.mark.parametrize("engine", [False, True], ids=["inert", "running"])
def test_bgpd_stops_cleanly(router: ModuleRouter, saved: str, engine: bool) -> None:
    if engine:
        router.modules.put_engine()
    router.boot(saved)
    router.r1.kill("bgpd")
    assert list((router.r1.directory / "tmp").rglob("crashlog*")) == []


# ---- FRRs that the shim does not know ------------------------------------------------------------

LIAR = """
#include <stdbool.h>
struct info { const char *name, *version, *description; int (*init)(void); };
struct module { struct module *next; struct info *info; void *dl; bool loaded; char space[1000]; };
extern struct module *frrmod_list;
static int init(void)
{
	frrmod_list->info->version = "99.1";
	return 0;
}
static struct info info = { "liar", "1", "a libfrr that nobody knows", init };
static struct module module = { .info = &info };
struct module *frr_module = &module;
"""


def test_an_unknown_frr_is_left_alone(
    modules: ModuleDirectory, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No command of ours, no line in the configuration, a word on stderr, and bgpd runs."""
    directory = ModuleDirectory(tmp_path_factory.mktemp("liar") / "modules")
    directory.clear()
    directory.put_engine(version="99.1")
    compile_engine(LIAR, directory.path / "bgpd_liar.so")
    binds = [(directory.path, str(FRR_MODULES))]
    options = {"bgpd": "-M liar -M kubevip"}
    with Lab(nodes=1, r1_options=options, r1_binds=binds, r1_extra=EXTRA) as lab:
        assert " 99.1" in lab.r1.vty("bgpd", "show modules")
        with pytest.raises(VtyError, match="Unknown command"):
            lab.r1.vty("bgpd", "show kubevip")
        router = ModuleRouter(lab, directory)
        router.wait_announced()
        assert "99.1" in lab.r1.log_path("bgpd").with_suffix(".err").read_text()


def test_the_shim_loads_without_any_frr() -> None:
    """Every symbol of libfrr is weak: python's process has none of them."""
    script = """
import ctypes, sys
shim = ctypes.CDLL(sys.argv[1], ctypes.RTLD_GLOBAL)
class Info(ctypes.Structure):
    _fields_ = [(n, ctypes.c_char_p) for n in ("name", "version", "description")]
    _fields_ += [("init", ctypes.CFUNCTYPE(ctypes.c_int))]
class Module(ctypes.Structure):
    _fields_ = [("next", ctypes.c_void_p), ("info", ctypes.POINTER(Info))]
info = ctypes.POINTER(Module).in_dll(shim, "frr_module").contents.info.contents
print(info.name.decode(), info.init())
"""
    command = [sys.executable, "-c", script, str(built("bgpd_kubevip.so"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "kubevip 0\n" and done.stderr


def test_without_the_file_bgpd_does_not_start(router: ModuleRouter, saved: str) -> None:
    """Stock FRR, for the record: -M of what is not there. Packages keep shim and -M together."""
    if router.r1.pid("bgpd"):
        router.r1.kill("bgpd")
    (router.modules.path / "bgpd_kubevip.so").unlink()
    with pytest.raises(CommandError):
        router.r1.start("bgpd")
    router.modules.clear()
    router.boot(saved)
    assert not set(OPERATORS) & router.announced()


# ---- the files -----------------------------------------------------------------------------------


def symbols(name: str, *options: str) -> list[list[str]]:
    """What nm says of dynamic symbols: kind and name."""
    command = ["nm", "-D", *options, str(built(name))]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [line.split()[-2:] for line in lines]


@pytest.mark.parametrize(
    "name, exported", [("bgpd_kubevip.so", "frr_module"), ("engine.so", "bgp_kubevip_entry")]
)
def test_exported_symbols(name: str, exported: str) -> None:
    assert [symbol for _, symbol in symbols(name, "--defined-only")] == [exported]


def test_the_shim_needs_libc_alone() -> None:
    command = ["readelf", "-dW", str(built("bgpd_kubevip.so"))]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    needed = [line.split("[")[1].rstrip("]") for line in text.splitlines() if "(NEEDED)" in line]
    assert needed == ["libc.so.6"]
    strong = [name for kind, name in symbols("bgpd_kubevip.so", "-u") if kind == "U"]
    assert strong and all("@GLIBC_" in name for name in strong)


@pytest.mark.parametrize("name", ["bgpd_kubevip.so", "engine.so"])
def test_nothing_is_unmapped(name: str) -> None:
    """frrmod_load() reads a module's memory after dlclose() when init fails (8.4 to 10.7)."""
    text = subprocess.run(["readelf", "-dW", str(built(name))], capture_output=True, text=True)
    assert "NODELETE" in text.stdout
