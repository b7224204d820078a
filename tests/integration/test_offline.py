"""kubewatch without a router: --check-config and --dry-run, as root and as anybody.

Neither may leave anything behind, and both are for machines without FRR running and without a
cluster: what they say goes to people (stderr, with FILE:LINE) and to programs (exit status, JSON).
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

import pytest

RECORDED = Path(__file__).resolve().parents[1] / "data" / "recorded"
CONFIG = """\
! The seed's router
hostname r1
log file /var/log/frr/kubewatch.log
debug kubevip select
ip prefix-list VIPS seq 10 permit 192.168.77.0/24 ge 32
kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig
kubevip cluster lab vip-range 192.168.77.0/24
kubevip cluster lab advertise web service-selector mdhlabs-bgp=enable
"""
NODES = ["192.168.99.12", "192.168.99.13", "192.168.99.14"]
SERVICE, GATEWAY, LOCAL = "192.168.77.128/32", "192.168.77.129/32", "192.168.77.10/32"
ORDINARY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
LEFT_BEHIND = [Path("/var/log/frr/kubewatch.log"), Path("/var/tmp/frr"), Path("/run/frr")]


class Offline:
    """kubewatch where everybody can reach it, run as some user."""

    def __init__(self, directory: Path, prefix: list[str]) -> None:
        self.directory, self._prefix = directory, prefix

    def write(self, name: str, text: str) -> Path:
        """A file that everybody may read."""
        path = self.directory / name
        path.write_text(text)
        path.chmod(0o644)
        return path

    def run(self, *words: object, text: str | None = None) -> subprocess.CompletedProcess:
        """Run kubewatch to its end."""
        command = [*self._prefix, str(self.directory / "kubewatch"), *map(str, words)]
        kept = {"stdin": subprocess.DEVNULL} if text is None else {"input": text}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=60, cwd=self.directory, **kept
        )

    def check(self, config: str) -> tuple[int, set[int]]:
        """--check-config: exit status and the lines that errors are about."""
        done = self.run("--check-config", self.write("kubewatch.conf", config))
        return done.returncode, lines_of(done.stderr, "kubewatch.conf")

    def dry_run(
        self, dump: Path | str, config: str = CONFIG, *words: str
    ) -> subprocess.CompletedProcess:
        """--dry-run of a file, or of text through stdin."""
        path = self.write("kubewatch.conf", config)
        if isinstance(dump, str):
            return self.run("--dry-run", "-f", path, *words, text=dump)
        return self.run("--dry-run", "-f", path, "--input", dump, *words)

    def decide(self, dump: Path | str, config: str = CONFIG) -> dict:
        """What a dry run says as JSON."""
        done = self.dry_run(dump, config, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def vips(self, dump: Path | str, config: str = CONFIG) -> dict:
        """Its VIPs."""
        return self.decide(dump, config)["vips"]


def lines_of(stderr: str, name: str) -> set[int]:
    """The lines of a file that are complained of, in the form that editors understand."""
    return {int(n) for n in re.findall(rf"^\S*{re.escape(name)}:(\d+): \S", stderr, re.MULTILINE)}


@pytest.fixture(scope="module")
def directory(kubewatch_binary: Path) -> Iterator[Path]:
    """With the binary and the recorded dumps; pytest's own directories are for root alone."""
    with tempfile.TemporaryDirectory(prefix="kubewatch-offline-") as name:
        path = Path(name)
        path.chmod(0o755)
        shutil.copy(kubewatch_binary, path / "kubewatch")
        (path / "kubewatch").chmod(0o755)
        for dump in ("dump.json", "dump-with-cilium.json"):
            shutil.copy(RECORDED / dump, path / dump)
            (path / dump).chmod(0o644)
        yield path


@pytest.fixture(params=["root", "ordinary"])
def user(request: pytest.FixtureRequest, directory: Path) -> Offline:
    """Both sorts of user; an ordinary one is nobody."""
    return Offline(directory, ORDINARY if request.param == "ordinary" else [])


@pytest.fixture
def offline(directory: Path) -> Offline:
    """Root, where it makes no difference."""
    return Offline(directory, [])


@pytest.fixture
def dump(directory: Path) -> dict:
    """The recorded dump, to be changed."""
    return json.loads((directory / "dump.json").read_text())


# ---- --check-config ------------------------------------------------------------------------------


def test_right_configuration(user: Offline) -> None:
    assert user.check(CONFIG) == (0, set())


def test_nothing_is_left_behind(offline: Offline) -> None:
    """A log file of root's would be one that the daemon cannot open."""
    before = [sorted(path.rglob("*")) if path.is_dir() else path.exists() for path in LEFT_BEHIND]
    offline.check(CONFIG)
    offline.dry_run(offline.directory / "dump.json")
    after = [sorted(path.rglob("*")) if path.is_dir() else path.exists() for path in LEFT_BEHIND]
    assert after == before


WRONG = [
    "kubevip cluster lab server http://192.168.99.20:6443",
    "kubevip cluster lab server ftp://192.168.99.20",
    "kubevip cluster lab vip-range 192.168.77.1/24",
    "kubevip cluster lab vip-range 192.168.77.0/33",
    "kubevip cluster lab vip-range 192.168.77.300/32",
    "kubevip cluster lab kubeconfig lab.kubeconfig",
    "kubevip cluster lab ca-file ca.crt",
    "kubevip cluster lab proxy-url gopher://192.168.99.1:70",
    "kubevip cluster lab maximum-vips 0",
    "kubevip cluster lab preference 65536",
    "kubevip cluster lab withdraw-guard 101",
    "kubevip cluster lab withdraw-guard",
    "kubevip cluster lab on-api-loss withdraw",
    "kubevip cluster lab advertise web service-selector a in b",
    "kubevip cluster lab advertise web service-selector a in (b,c",
    "kubevip cluster lab advertise web service-selector =b",
    "kubevip cluster lab advertise web service-selector a=b c=d",
    "kubevip cluster lab advertise web service-selector -a=b",
    "kubevip cluster lab advertise web namespace Prod",
    "kubevip cluster lab advertise web address load-balancer",
    "kubevip cluster lab advertise web distance 1",
    "kubevip cluster lab advertise web distance 256",
    "kubevip cluster lab advertise web tag 0",
    "kubevip cluster lab advertise web table 0",
    "kubevip cluster lab advertise web next-hop annotation",
    "kubevip cluster lab advertise web next-hop subnet 192.168.99.1/24",
    "kubevip cluster lab advertise web endpoint-rule never",
    "kubevip cluster lab advertise web",
    "kubevip cluster",
    "kubevip",
    "kubevip inject bgp",
    "kubevip inject somewhere",
    "kubevip reserved-prefix 10.0.0.1/8",
    "kubvip cluster lab vip-range 192.168.77.0/24",
    "log fiel /var/log/frr/kubewatch.log",
    "ip prefix-list VIPS permit 192.168.77.0/24 ge 99",
    "router bgp 62112",
]


@pytest.mark.parametrize("line", WRONG)
def test_wrong_line(line: str, offline: Offline) -> None:
    """The error names this line and no other."""
    assert offline.check(f"{CONFIG}\n! a comment\n{line}\nhostname r2\n") == (1, {11})


def test_every_wrong_line_is_named(user: Offline) -> None:
    text, wanted = "", set()
    for number, line in enumerate(WRONG):
        text += f"!\n{line}\n"
        wanted.add(2 * number + 2)
    assert user.check(text) == (1, wanted)


def test_first_and_last_line(offline: Offline) -> None:
    """Also without a line end, and with those of another system."""
    assert offline.check(f"nonsense\n{CONFIG}") == (1, {1})
    assert offline.check(f"{CONFIG}nonsense") == (1, {9})
    assert offline.check(CONFIG.replace("\n", "\r\n")) == (0, set())
    assert offline.check(f"{CONFIG}nonsense\n".replace("\n", "\r\n")) == (1, {9})


def test_line_that_is_very_long(offline: Offline) -> None:
    """FRR reads 4 KiB and takes the rest for another line: here it is one, and the next is 2."""
    names = ",".join(f"value-{i}" for i in range(1000))
    long = f"kubevip cluster lab advertise web service-selector a in ({names})"
    assert offline.check(f"{long}\nnonsense\n{long}") == (1, {1, 2, 3})


def test_what_is_no_error_but_cannot_work(offline: Offline) -> None:
    """It is said, and the exit status says that every line is right."""
    for config in (
        "kubevip cluster lab vip-range 192.168.77.0/24\n",
        CONFIG.replace("kubevip cluster lab vip-range 192.168.77.0/24\n", ""),
        CONFIG + "kubevip cluster lab advertise api distance 20\n",
    ):
        done = offline.run("--check-config", offline.write("kubewatch.conf", config))
        assert done.returncode == 0
        assert "kubewatch.conf" in done.stderr and not lines_of(done.stderr, "kubewatch.conf")


@pytest.mark.parametrize("what", ["missing", "directory", "empty", "binary"])
def test_odd_file(what: str, user: Offline) -> None:
    path = {
        "missing": lambda: user.directory / "none.conf",
        "directory": lambda: user.directory,
        "empty": lambda: user.write("empty.conf", ""),
        "binary": lambda: user.write("binary.conf", "\x01\x02kubevip\x7f" * 100 + "\n"),
    }[what]()
    done = user.run("--check-config", path)
    assert done.returncode == (0 if what == "empty" else 1)
    assert what == "empty" or path.name in done.stderr


def test_file_that_may_not_be_read(directory: Path) -> None:
    user = Offline(directory, ORDINARY)
    path = user.write("secret.conf", CONFIG)
    path.chmod(0o600)
    done = user.run("--check-config", path)
    assert done.returncode == 1 and "secret.conf" in done.stderr


# ---- --dry-run -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dump.json", "dump-with-cilium.json"])
def test_recorded_dump(name: str, user: Offline) -> None:
    """The seed's two VIPs go to every node; the third has no pod behind it."""
    decided = user.decide(user.directory / name)
    vips = decided["vips"]
    assert sorted(vips) == [LOCAL, SERVICE, GATEWAY]
    for vip in (SERVICE, GATEWAY):
        assert (vips[vip]["routed"], vips[vip]["reason"]) == (True, "selected")
        assert sorted(vips[vip]["nextHops"]) == NODES
        assert (vips[vip]["tag"], vips[vip]["distance"]) == (77, 15)
    assert (vips[LOCAL]["routed"], vips[LOCAL]["reason"]) == (False, "no-endpoints")
    (claim,) = vips[GATEWAY]["claims"]
    assert (claim["gateway"], claim["selectedBy"]) == ("cd-bgp-gw", "gateway labels")
    assert {node["name"]: node["vips"] for node in decided["nodes"]} == dict.fromkeys(
        ["kube1", "kube2", "kube3"], 2
    )
    names = [(service["namespace"], service["name"]) for service in decided["services"]]
    assert names == [
        ("dev", "web-local"),
        ("prod", "cd-bgp-svc"),
        ("prod", "cilium-gateway-cd-bgp-gw"),
    ]


def test_text_is_for_people(user: Offline) -> None:
    done = user.dry_run(user.directory / "dump.json")
    assert done.returncode == 0
    for word in ("192.168.77.128", "192.168.99.14", "cd-bgp-svc", "no-endpoints", "kube2"):
        assert word in done.stdout
    assert "{" not in done.stdout


def test_dump_through_a_pipe(offline: Offline) -> None:
    """As in `kubectl get ... -o json | kubewatch --dry-run -f kubewatch.conf`."""
    text = (offline.directory / "dump.json").read_text()
    assert ageless(offline.vips(text)) == ageless(offline.vips(offline.directory / "dump.json"))


def ageless(shown: object) -> object:
    """The same without ages, which go on between two looks."""
    if isinstance(shown, dict):
        return {key: ageless(value) for key, value in shown.items() if not key.endswith("AgeSec")}
    return [ageless(value) for value in shown] if isinstance(shown, list) else shown


def test_order_of_objects_does_not_matter(offline: Offline, dump: dict) -> None:
    """A Gateway behind its Service, nodes at the end."""
    dump["items"].reverse()
    routed = {vip: v["nextHops"] for vip, v in offline.vips(json.dumps(dump)).items()}
    dump["items"].reverse()
    assert routed == {vip: v["nextHops"] for vip, v in offline.vips(json.dumps(dump)).items()}


def test_configuration_decides(offline: Offline) -> None:
    dump = offline.directory / "dump.json"
    narrow = CONFIG.replace("vip-range 192.168.77.0/24", "vip-range 192.168.77.128/32")
    assert sorted(offline.vips(dump, narrow)) == [SERVICE]
    reasons = {s["address"]: s["reason"] for s in offline.decide(dump, narrow)["services"]}
    assert reasons["192.168.77.129"] == "out-of-range"
    other = CONFIG.replace("mdhlabs-bgp=enable", "mdhlabs-bgp=disable")
    assert {v["reason"] for v in offline.vips(dump, other).values()} == {"not-selected"}
    anyhow = CONFIG + "kubevip cluster lab advertise web allow-no-endpoints\n"
    assert offline.vips(dump, CONFIG)[LOCAL]["reason"] == "no-endpoints"
    assert offline.vips(dump, anyhow)[SERVICE]["routed"]


def test_prefix_list_of_the_configuration(offline: Offline) -> None:
    """It is read like everything else; an undefined one denies (rules R3)."""
    dump, line = offline.directory / "dump.json", "kubevip cluster lab prefix-list {}\n"
    assert offline.vips(dump, CONFIG + line.format("VIPS"))[SERVICE]["routed"]
    found = offline.vips(dump, CONFIG + line.format("NONE"))[SERVICE]
    assert (found["routed"], found["reason"]) == (False, "prefix-list-undefined")
    narrow = CONFIG.replace("192.168.77.0/24 ge 32", "192.168.77.0/24")
    found = offline.vips(dump, narrow + line.format("VIPS"))[SERVICE]
    assert (found["routed"], found["reason"]) == (False, "prefix-list-denies")


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "{}",
        "[]",
        "null",
        '"List"',
        "<html></html>",
        '{"kind":"Service","spec":{}}',
        '{"kind":"List","items":[7]}',
    ],
    ids=["empty", "blank", "object", "array", "null", "string", "html", "one-object", "numbers"],
)
def test_input_that_is_no_list(text: str, user: Offline) -> None:
    """No decision is printed: an empty table would be taken for one."""
    for words in ((), ("--json",)):
        done = user.dry_run(text, CONFIG, *words)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.strip()


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9, 0.9999])
def test_input_that_is_cut_off(part: float, offline: Offline) -> None:
    text = (offline.directory / "dump.json").read_text().rstrip()
    done = offline.dry_run(text[: int(len(text) * part)])
    assert (done.returncode, done.stdout) == (1, "")


def test_empty_list(user: Offline) -> None:
    """That is an answer: nothing would be routed."""
    decided = user.decide('{"kind":"List","apiVersion":"v1","items":[]}')
    assert decided == {"vips": {}, "services": [], "nodes": [], "findings": []}


def test_damaged_objects_are_passed_over(offline: Offline, dump: dict) -> None:
    """And said; what can be read is decided."""
    for item in dump["items"]:
        if item["metadata"]["name"] == "cd-bgp-svc":
            item["spec"] = "nothing"
    dump["items"] += [{"kind": "Service"}, {}, {"kind": "Node", "metadata": {"name": 7}}]
    done = offline.dry_run(json.dumps(dump), CONFIG, "--json")
    assert done.returncode == 0 and done.stderr.strip()
    assert json.loads(done.stdout)["vips"][GATEWAY]["routed"]


@pytest.mark.parametrize("words", [["--input", "none.json"], ["--input", "."]])
def test_input_that_cannot_be_read(words: list[str], user: Offline) -> None:
    done = user.run("--dry-run", "-f", user.write("kubewatch.conf", CONFIG), *words)
    assert (done.returncode, done.stdout) == (1, "")
    assert words[1] in done.stderr


def test_dry_run_wants_a_configuration(user: Offline) -> None:
    dump = user.directory / "dump.json"
    assert user.run("--dry-run", "--input", dump).returncode == 1
    done = user.dry_run(dump, CONFIG + "nonsense\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert lines_of(done.stderr, "kubewatch.conf") == {9}
    done = user.dry_run(dump, "hostname r1\n")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr


# ---- from-cilium -----------------------------------------------------------------------------------


FROM_CILIUM = """\
kubevip cluster lab kubeconfig /etc/frr/kubevip/lab.kubeconfig
kubevip cluster lab vip-range 192.168.77.0/24
kubevip cluster lab from-cilium
"""
ADVERTISEMENT, PEER_CONFIG = "mdhlabs-bgp-advertisement", "mdhlabs-bgp-peer-config"


def findings(decided: dict) -> list[tuple[str, str | None]]:
    """(kind, object) of what a dry run finds."""
    return sorted((f["kind"], f["object"]) for f in decided["findings"])


def test_recorded_dump_with_ciliums_objects(user: Offline) -> None:
    """The seed's objects as a real cluster had them: no advertise block, and both VIPs are routed."""
    decided = user.decide(user.directory / "dump-with-cilium.json", FROM_CILIUM)
    for vip in SERVICE, GATEWAY:
        assert decided["vips"][vip]["nextHops"] == NODES
        (claim,) = decided["vips"][vip]["claims"]
        assert claim["advertise"] == f"cilium:{ADVERTISEMENT}/0"
        assert claim["pool"] == "mdhlabs-bgp-vip-pool-prod"
    assert decided["vips"][LOCAL]["reason"] == "no-endpoints"
    assert findings(decided) == [
        ("cilium-advertisement-not-selected", f"CiliumBGPAdvertisement {ADVERTISEMENT}"),
        ("cilium-peer-config-selects-nothing", f"CiliumBGPPeerConfig {PEER_CONFIG}"),
    ]
    text = user.dry_run(user.directory / "dump-with-cilium.json", FROM_CILIUM).stdout
    assert text.startswith("! cluster lab: CiliumBGPAdvertisement")


def test_pool_outside_of_the_ranges(offline: Offline) -> None:
    config = FROM_CILIUM.replace("192.168.77.0/24", "192.168.77.128/25")
    decided = offline.decide(offline.directory / "dump-with-cilium.json", config)
    pools = [found for found in findings(decided) if "pool" in found[0]]
    assert pools == [("cilium-pool-outside-range", "CiliumLoadBalancerIPPool mdhlabs-bgp-vip-pool-dev")]


def test_dump_without_ciliums_objects(offline: Offline) -> None:
    """`kubectl get` was not asked for them: said, for nothing is selected then."""
    decided = offline.decide(offline.directory / "dump.json", FROM_CILIUM)
    assert findings(decided) == [("cilium-no-advertisement", None)]
    assert not any(vip["routed"] for vip in decided["vips"].values())


def test_the_seeds_prefix_list(offline: Offline) -> None:
    """`permit 192.168.77.0/24` matches that prefix and no VIP."""
    config = CONFIG.replace("ge 32", "") + "kubevip cluster lab prefix-list VIPS\n"
    decided = offline.decide(offline.directory / "dump.json", config)
    assert findings(decided) == [("prefix-list-no-host-route", "prefix-list VIPS")]
    assert decided["vips"][SERVICE]["reason"] == "prefix-list-denies"
    config = CONFIG + "kubevip cluster lab prefix-list VIPS\n"
    decided = offline.decide(offline.directory / "dump.json", config)
    assert findings(decided) == [] and decided["vips"][SERVICE]["routed"]
