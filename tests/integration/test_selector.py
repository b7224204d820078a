"""Label selectors: a real API server (`labelSelector=`) and ours answer the same (feature F3).

The same Services are in both; each selector is asked of the API server and of a dry run, whose blocks
say which Services they take. What the server refuses must be refused here, and nothing else. Known
differences are tested by their own: `any`, and an empty selector.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from tests.kube import KubeApi, KubeError, find_assets

ADDRESS = "192.0.2.10"
SERVICES = "/api/v1/namespaces/sel/services"
CLUSTERS = 60  # of one configuration: each is given the dump, and has one selector
RANDOM = 400

VALUES = ["", "web", "db", "1", "2", "10", "in", "notin", "a.b_c-d"]
KEYS = ["app", "tier", "n", "in", "notin", "example.com/role", "x-1"]
TABLE = [
    "app", "!app", "app=web", "app==web", "app!=web", "app = web", "app= web", "!tier",
    "app in (web,db)", "app in (web, db)", "app notin (web)", "app in ()", "app notin ()",
    "app in (,web)", "app in (web,)", "app in (,)", "app in (web,,db)",
    "app in (web,,)", "app in (,,)", "app in (web, , , db)", "app notin (,,web,,)", "app=", "app!=", "app==",
    "n>1", "n<10", "n>2,n<11", "n > 1", "app>1", "n>x", "n>", "n<1.5", "n>-1",
    "app=web,tier=db", "app=web,!tier", "app,tier,n", "app=web,app=db", "app=web,app!=db",
    "in", "in in (in)", "notin in (in,notin)", "in=notin", "notin notin (in)", "!in",
    "example.com/role=web", "example.com/role in (web,1)", "!example.com/role",
    "example.com/=web", "/role=web", "a/b/c=d", "EXAMPLE.com/role=web", "app=a.b_c-d", "app=-a",
    "app=a-", "app=a b", "app web", "app=web tier=db", "app=web,", ",app=web", "app=web,,n", "=web",
    "!", "!!app", "!app=web", "app!", "app=!web", "app===web", "app=>1", "app in web", "app in (web",
    "app in web)", "app in ((web))", "app in (web=db)", "(app)", "()", "app=(web)", "app in (a b)",
    "'app'=web", '"app"=web', "app='web'", "app=web;n=1", "app=web&n=1", "app=web||n=1", "app~=web",
    "app=" + "x" * 63, "app=" + "x" * 64, "k" * 63, "k" * 64, "p" * 253 + "/n", "p" * 254 + "/n",
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KubeApi]:
    """An API server in a network namespace of its own."""
    if find_assets() is None:
        pytest.skip("no kube-apiserver: run tests/kube/build.sh, or set KUBEBUILDER_ASSETS")
    name = f"selector-{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "-n", name, "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
        with KubeApi(tmp_path_factory.mktemp("kube"), name, ADDRESS) as server:
            yield server
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


@pytest.fixture(scope="module")
def dice() -> random.Random:
    """A new seed each time, or $KUBEVIP_SEED; pytest shows it when a test fails."""
    seed = int(os.environ.get("KUBEVIP_SEED", random.randrange(1 << 32)))
    print(f"KUBEVIP_SEED={seed}")
    return random.Random(seed)


@pytest.fixture(scope="module")
def labelled(api: KubeApi, dice: random.Random) -> Iterator[None]:
    """Services whose labels meet most of the selectors, and miss them."""
    for number in range(40):
        keys = dice.sample(KEYS, dice.randrange(len(KEYS) + 1))
        labels = {key: dice.choice(VALUES) for key in keys}
        api.client.service("sel", f"svc-{number}", labels=labels)
    yield


class Ours:
    """The selectors in kubewatch."""

    def __init__(self, binary: Path, directory: Path, dump: dict) -> None:
        self._binary, self._directory = binary, directory
        self._dump = directory / "dump.json"
        self._dump.write_text(json.dumps(dump))

    def refused(self, selectors: list[str]) -> set[str]:
        """Those that --check-config does not take."""
        lines = [f"kubevip cluster lab advertise b{i} service-selector {s}" for i, s in enumerate(selectors)]
        found = set()
        for start in range(0, len(lines), 200):  # blocks of one cluster
            path = self._write(lines[start : start + 200])
            said = self._run("--check-config", str(path)).stderr
            for line in said.splitlines():
                where = line.removeprefix(f"{path}:").partition(":")[0]
                if where.isdigit():
                    found.add(selectors[start + int(where) - 1])
        return found

    def selected(self, selectors: list[str]) -> dict[str, set[str]]:
        """The Services that each of them takes."""
        taken: dict[str, set[str]] = {selector: set() for selector in selectors}
        for start in range(0, len(selectors), CLUSTERS):
            part = selectors[start : start + CLUSTERS]
            path = self._write(
                f"kubevip cluster c{i} advertise b service-selector {s}" for i, s in enumerate(part)
            )
            done = self._run("--dry-run", "-f", str(path), "--input", str(self._dump), "--json")
            assert done.returncode == 0, done.stderr
            for claim in json.loads(done.stdout)["services"]:
                if claim["advertise"]:
                    taken[part[int(claim["cluster"][1:])]].add(claim["name"])
        return taken

    def _write(self, lines) -> Path:
        path = self._directory / "kubewatch.conf"
        path.write_text("".join(f"{line}\n" for line in lines))
        return path

    def _run(self, *words: str) -> subprocess.CompletedProcess:
        command = [str(self._binary), *words]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture(scope="module")
def ours(
    api: KubeApi, labelled: None, kubewatch_binary: Path, tmp_path_factory: pytest.TempPathFactory
) -> Ours:
    """kubewatch with what the API server has."""
    dump = api.client.get(SERVICES)
    for item in dump["items"]:
        item["kind"] = "Service"
    return Ours(kubewatch_binary, tmp_path_factory.mktemp("ours"), dump)


def theirs(api: KubeApi, selector: str) -> set[str] | None:
    """The Services that the API server lists; None: it refuses the selector."""
    try:
        items = api.client.get(SERVICES, labelSelector=selector)["items"]
    except KubeError as error:
        assert error.code == 400, error
        return None
    return {item["metadata"]["name"] for item in items}


def compare(api: KubeApi, ours: Ours, selectors: list[str]) -> tuple[int, int]:
    """Both answer the same; returns how many were refused, and how many select some but not all."""
    answers = {selector: theirs(api, selector) for selector in dict.fromkeys(selectors)}
    refused = {selector for selector, names in answers.items() if names is None}
    ours_refused = ours.refused(list(answers))
    assert ours_refused == refused, (ours_refused - refused, refused - ours_refused)
    good = [selector for selector in answers if selector not in refused]
    taken = ours.selected(good)
    wrong = {s: (taken[s], answers[s]) for s in good if taken[s] != answers[s]}
    assert not wrong, wrong
    return len(refused), sum(0 < len(answers[selector]) < 40 for selector in good)


def requirement(dice: random.Random) -> str:
    """One that is right, in one of the ways it may be written."""
    key, space = dice.choice(KEYS), dice.choice(["", " "])
    form = dice.randrange(6)
    if form == 0:
        return key
    if form == 1:
        return f"!{space}{key}"
    if form == 2:
        return f"{key}{space}{dice.choice(['=', '==', '!='])}{space}{dice.choice(VALUES)}"
    if form == 3:
        return f"{key}{space}{dice.choice('<>')}{space}{dice.randrange(12)}"
    values = [dice.choice(VALUES) for _ in range(dice.randrange(4))]
    return f"{key} {dice.choice(['in', 'notin'])}{space}({f',{space}'.join(values)})"


def spoiled(dice: random.Random, text: str) -> str:
    """The same with a character more, less, or another."""
    at = dice.randrange(len(text))
    more = dice.choice(["", dice.choice("=!(),<> ab/-._")])
    return text[:at] + more + text[at + dice.randrange(2) :]


def test_table(api: KubeApi, ours: Ours) -> None:
    refused, telling = compare(api, ours, TABLE)
    assert refused > 30 and telling > 25


def test_random(api: KubeApi, ours: Ours, dice: random.Random) -> None:
    """What is right, and what almost is."""
    selectors = []
    for _ in range(RANDOM):
        text = ",".join(requirement(dice) for _ in range(dice.randrange(1, 4)))
        if dice.randrange(3) == 0:
            text = spoiled(dice, text)
        # a line's first and last blanks are the configuration's; two are one there
        text = " ".join(text.split())
        if text and text != "any":
            selectors.append(text)
    refused, telling = compare(api, ours, selectors)
    assert refused > 10 and telling > 50


def test_what_is_different_by_intent(api: KubeApi, ours: Ours) -> None:
    """`any` must be said for everything; for the API server it is a key, and nothing is everything."""
    everything = theirs(api, "")
    assert len(everything) == 40
    assert theirs(api, "any") == set()
    assert ours.selected(["any"])["any"] == everything
    assert ours.refused([""]) == {""}
