"""The house rules that no off-the-shelf linter holds. Each rule is a function over source text, proved able to fail.

Import order is held by import-linter's contracts in pyproject.toml; what stands here is the rest: front doors, sizes,
names, no network inside a transaction, no float near money, no clock or chance of one's own.
"""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import grimp
import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parent.parent
SRC = ROOT / "src" / "vezne"
Finding = tuple[int, str]
Rule = Callable[[ast.Module, str], Iterator[Finding]]

LONGEST_FUNCTION = 40
LONGEST_FILE = 400
# Kernel and sandbox have no front door: the first is imported by module, the second is another company.
WITHOUT_FRONT_DOOR = {"kernel", "sandbox", "app"}
VAGUE_NAMES = re.compile(r"^(utils?|helpers?|common|managers?|services?|misc|base_.+)$")
MONEY_SLICES = (
    "ledger",
    "catalog",
    "wallets",
    "payments",
    "settlements",
    "memberships",
    "rewards",
    "promos",
    "orders",
    "checkout",
)
NETWORK_LIBRARIES = {"httpx2", "httpcore2", "stamina", "aiohttp", "urllib", "requests", "socket"}
HTTP_VERBS = {"get", "post", "put", "patch", "delete", "request", "send", "stream"}
PROVIDER_VERBS = {"start", "fetch", "capture", "refund", "cancel"}


# --------------------------------------------------------------------------------------------------------------- rules


def long_functions(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """A function fits on a screen: at most 40 lines from its `def` to its end."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > LONGEST_FUNCTION:
                yield node.lineno, f"{node.name} has {lines} lines"


def _receiver(call: ast.Call) -> tuple[str, str]:
    """The last name before the called attribute, and the attribute: `self.client.post(…)` is ("client", "post")."""
    if not isinstance(call.func, ast.Attribute):
        return "", call.func.id if isinstance(call.func, ast.Name) else ""
    owner = call.func.value
    if isinstance(owner, ast.Call):
        owner = owner.func
    name = owner.attr if isinstance(owner, ast.Attribute) else owner.id if isinstance(owner, ast.Name) else ""
    return name, call.func.attr


def _goes_out(call: ast.Call) -> bool:
    name, verb = _receiver(call)
    name = name.lower()
    if verb in PROVIDER_VERBS and isinstance(call.func, ast.Attribute) and "provider" in ast.unparse(call.func.value).lower():
        return True
    if ("client" in name or name in {"http", "httpx2"}) and verb in HTTP_VERBS:
        return True
    return name == "asyncio" and verb in {"sleep", "open_connection"}


def _own_nodes(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """Everything in `body` but what stands in functions defined there, which run at another time."""
    todo: list[ast.AST] = list(body)
    while todo:
        node = todo.pop()
        yield node
        todo += [
            child
            for child in ast.iter_child_nodes(node)
            if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        ]


def _is_transaction(item: ast.withitem) -> bool:
    return isinstance(item.context_expr, ast.Call) and _receiver(item.context_expr)[1] == "transaction"


def network_inside_transactions(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """Nothing waits on the network while rows are locked: not in a `with db.transaction`, nor where a `tx` was handed in."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AsyncWith) and any(_is_transaction(item) for item in node.items):
            where = "inside a transaction"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and "tx" in {
            arg.arg for arg in [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        }:
            where = f"in {node.name}, which is inside its caller's transaction"
        else:
            continue
        for inner in _own_nodes(node.body):
            if isinstance(inner, ast.Call) and _goes_out(inner):
                yield inner.lineno, f"{ast.unparse(inner.func)} waits on the network {where}"


def network_libraries_below_the_edge(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """Operations, queries and models import nothing that could reach the network."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Import | ast.ImportFrom):
            continue
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        for name in names:
            if name.split(".")[0] in NETWORK_LIBRARIES:
                yield node.lineno, f"imports {name}"


def floats(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """Money is whole minor units: no float literal, no float(), no true division."""
    paths = {id(node) for node in ast.walk(tree) if isinstance(node, ast.BinOp) and _joins_a_path(node)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, float):
            yield node.lineno, f"float literal {node.value!r}"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "float":
            yield node.lineno, "float()"
        elif isinstance(node, ast.Name) and node.id == "float" and isinstance(node.ctx, ast.Load):
            yield node.lineno, "the type float"
        elif isinstance(node, ast.BinOp | ast.AugAssign) and isinstance(node.op, ast.Div) and id(node) not in paths:
            yield node.lineno, "true division (use // or Money.split)"


def _joins_a_path(node: ast.BinOp) -> bool:
    """`folder / "name"`: a text on either side makes it a path, never a number."""
    return isinstance(node.op, ast.Div) and any(
        isinstance(side, ast.JoinedStr)
        or (isinstance(side, ast.Constant) and isinstance(side.value, str))
        or (isinstance(side, ast.BinOp) and _joins_a_path(side))
        for side in (node.left, node.right)
    )


SQL = re.compile(r"\b(SELECT|INSERT|UPDATE|DELETE|VALUES|WHERE|SET)\b")
VOLATILE = re.compile(
    r"\b(now|random|clock_timestamp|statement_timestamp|gen_random_uuid|uuidv7|nextval)\s*\(|\bCURRENT_(TIMESTAMP|DATE)\b"
)
CHANCE = {"random", "secrets"}


def clock_or_chance_in_sql(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """Times and ids are parameters of a statement, so that a tenant's held clock moves everything."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str) and SQL.search(node.value)):
            continue
        found = VOLATILE.search(node.value)
        if found:
            yield node.lineno, f"SQL calls {found.group()}"


def clock_of_their_own(tree: ast.Module, _path: str) -> Iterator[Finding]:
    """Operations, queries and models take the time from `tx.now`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            owner, verb = _receiver(node)
            if (owner, verb) in {
                ("datetime", "now"),
                ("datetime", "utcnow"),
                ("date", "today"),
                ("time", "time"),
                ("datetime", "today"),
            }:
                yield node.lineno, f"{owner}.{verb}() (use tx.now)"


# ---------------------------------------------------------------------------------------------------------- what it holds


def _sources(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py") if "node_modules" not in path.parts)


def _in_layer(path: Path, *layers: str) -> bool:
    """Is this file, or the package it stands in, one of `layers` of a slice? (`wallets/operations/debit.py` is.)"""
    parts = path.relative_to(SRC).with_suffix("").parts
    return len(parts) > 1 and parts[0] != "kernel" and parts[1] in layers


def _breaches(rule: Rule, paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{line}: {what}"
        for path in paths
        for line, what in rule(ast.parse(path.read_text(encoding="utf-8")), str(path))
    ]


def test_functions_are_at_most_forty_lines() -> None:
    assert _breaches(long_functions, _sources(SRC)) == []


def test_files_are_at_most_four_hundred_lines() -> None:
    paths = _sources(SRC, ROOT / "tests", ROOT / "bench", ROOT / "scripts")
    too_long = {str(path.relative_to(ROOT)): count for path in paths if (count := _line_count(path)) > LONGEST_FILE}
    assert too_long == {}


def _line_count(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_module_has_a_name_that_says_nothing() -> None:
    assert [str(path) for path in _sources(SRC) if VAGUE_NAMES.match(path.stem)] == []


def test_nothing_waits_on_the_network_inside_a_transaction() -> None:
    assert _breaches(network_inside_transactions, _sources(SRC)) == []


def test_no_network_library_below_the_edge() -> None:
    below = [path for path in _sources(SRC) if _in_layer(path, "operations", "queries", "models")]
    assert _breaches(network_libraries_below_the_edge, below) == []


def test_no_float_in_any_slice_that_holds_money() -> None:
    paths = [SRC / "kernel" / "money.py", *_sources(*(SRC / name for name in MONEY_SLICES))]
    assert _breaches(floats, paths) == []


def test_no_statement_asks_the_server_for_the_time_or_for_chance() -> None:
    paths = [path for path in _sources(SRC) if path.relative_to(SRC).parts[0] != "sandbox"]
    assert _breaches(clock_or_chance_in_sql, paths) == []


def test_operations_queries_and_models_have_no_clock_of_their_own() -> None:
    assert (
        _breaches(clock_of_their_own, [path for path in _sources(SRC) if _in_layer(path, "operations", "queries", "models")])
        == []
    )


# ------------------------------------------------------------------------------------------------------------ front doors


def round_the_back(importer: str, imported: str) -> bool:
    """Does this import enter another slice elsewhere than at its front door?

    The composition root may enter by the edges (`api`, `jobs`, `cli`) too, since it is what wires them.
    """
    mine, theirs = importer.split("."), imported.split(".")
    if len(theirs) < 3 or mine[1:2] == theirs[1:2] or theirs[1] in WITHOUT_FRONT_DOOR:
        return False
    return not (mine[1:2] == ["app"] and theirs[2] in {"api", "jobs", "cli", "pages"})


def test_slices_enter_each_other_by_the_front_door_only() -> None:
    graph = grimp.build_graph("vezne", cache_dir=None)
    breaches = [
        f"{importer} imports {imported}"
        for importer in sorted(graph.modules)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if round_the_back(importer, imported)
    ]
    assert breaches == []


# ----------------------------------------------------------------------------------------- each rule can fail, and can pass


@pytest.mark.parametrize(
    ("rule", "wrong"),
    [
        (long_functions, "def f():\n" + "    x = 1\n" * 40),
        (long_functions, "class C:\n    async def f(self):\n" + "        x = 1\n" * 40),
        (network_inside_transactions, "async def f(db):\n async with db.transaction(p) as tx:\n  await provider.start(x)"),
        (
            network_inside_transactions,
            "async def f(db):\n async with db.transaction(p) as tx:\n  if x:\n   await self._client.post(u)",
        ),
        (network_inside_transactions, "async def f(tx, x):\n await providers.named(x).fetch(x)"),
        (network_inside_transactions, "async def f(*, tx):\n await asyncio.sleep(1)"),
        (network_inside_transactions, "async def f(tx):\n await httpx2.AsyncClient().get(u)"),
        (network_libraries_below_the_edge, "import httpx2"),
        (network_libraries_below_the_edge, "from stamina import retry"),
        (network_libraries_below_the_edge, "import urllib.request"),
        (floats, "fee = amount * 0.1"),
        (floats, "fee = float(amount)"),
        (floats, "fee = amount / 10"),
        (floats, "fee /= 10"),
        (floats, "def fee(rate: float): ..."),
        (clock_or_chance_in_sql, "tx.fetch('SELECT now()')"),
        (clock_or_chance_in_sql, "tx.fetch('UPDATE t SET at = CURRENT_TIMESTAMP')"),
        (clock_or_chance_in_sql, "tx.fetch(f'SELECT gen_random_uuid() FROM {t}')"),
        (clock_of_their_own, "datetime.now(UTC)"),
        (clock_of_their_own, "datetime.datetime.utcnow()"),
        (clock_of_their_own, "time.time()"),
    ],
)
def test_a_breach_is_found(rule: Rule, wrong: str) -> None:
    assert list(rule(ast.parse(wrong), "sample.py")) != []


@pytest.mark.parametrize(
    ("rule", "right"),
    [
        (long_functions, "def f():\n" + "    x = 1\n" * 39),
        (
            network_inside_transactions,
            "async def f(db):\n async with db.transaction(p) as tx:\n  await read(tx)\n await provider.start(x)",
        ),
        (
            network_inside_transactions,
            "async def f(tx, events):\n events.get(x)\n await tx.fetch('SELECT 1')\n await wallets.refund(tx, x)",
        ),
        (floats, "half = amount // 2"),
        (floats, "path = folder / 'a' / name"),
        (clock_or_chance_in_sql, "detail = 'retry now (or later)'"),
        (clock_of_their_own, "at = tx.now"),
    ],
)
def test_what_is_allowed_is_left_alone(rule: Rule, right: str) -> None:
    assert list(rule(ast.parse(right), "sample.py")) == []


def test_a_back_door_is_found_and_the_front_door_is_not() -> None:
    assert round_the_back("vezne.orders.operations", "vezne.wallets.queries")
    assert round_the_back("vezne.app.http", "vezne.wallets.queries")
    assert not round_the_back("vezne.orders.operations", "vezne.wallets")
    assert not round_the_back("vezne.app.http", "vezne.wallets.api")
    assert not round_the_back("vezne.wallets.api", "vezne.wallets.operations")
    assert not round_the_back("vezne.wallets.models", "vezne.kernel.money")


@pytest.mark.parametrize("name", ["utils", "helpers", "common", "manager", "service", "base_provider"])
def test_a_vague_name_is_found(name: str) -> None:
    assert VAGUE_NAMES.match(name)
    assert not VAGUE_NAMES.match("operations")


def addresses_in_locks(text: str) -> list[str]:
    """Lines that tie a lock to one machine's registry: index options, direct addresses, resolved tarballs."""
    tied = re.compile(r'^\s*(--(index|extra-index|find-links|trusted)|-[if]\b)|"resolved":| @ \w+://')
    return [line for line in text.splitlines() if tied.search(line)]


@pytest.mark.parametrize("name", ["requirements.lock", "package-lock.json"])
def test_no_lock_names_a_registry(name: str) -> None:
    assert addresses_in_locks((ROOT / name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "line", ["--index-url https://x.example/simple", "-f /wheels", '  "resolved": "https://x"', "a @ https://x.example/a.whl"]
)
def test_a_registry_in_a_lock_is_found(line: str) -> None:
    assert addresses_in_locks(line) == [line]
