"""The shape of the code: who may import whom, how long a module is, what a repository must not hold."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import TypeVar, cast

import pytest

N = TypeVar("N", bound=ast.AST)
ROOT = Path(__file__).resolve().parent.parent

# Who may import whom, of our own code. The longest name that fits a module is its rule; a package
# may always import itself. STYLE 5, as it stands in this tree.
MAY_IMPORT: dict[str, set[str]] = {
    "app": {
        "lib.bootstrap",
        "lib.errors",
        "lib.logs",
        "lib.ui.script_errors",
        "lib.ui.single_sign_on",
        "lib.web",
        "lib.worker",
    },
    # Of reports, settings and the users' store: types and constants. What a page does,
    # it does through the context that require() hands it.
    "pages": {
        "lib.clock",
        "lib.domain",
        "lib.languages",
        "lib.reports",
        "lib.settings",
        "lib.store.users",
        "lib.ui",
    },
    "lib.ui": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.metrics",
        "lib.money",
        "lib.printing",
        "lib.reports",
        "lib.services",
        "lib.settings",
        "lib.languages",
        "lib.store.backups",
        "lib.store.jobs",
        "lib.store.message_templates",
        "lib.store.trouble",
        "lib.store.users",
    },
    "lib.ui.context": {"lib.bootstrap", "lib.domain", "lib.errors", "lib.ui"},
    "lib.web": {
        "lib.bootstrap",
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.languages",
        "lib.logs",
        "lib.metrics",
        "lib.services",
        "lib.wording",
    },
    # A process of its own, with practice Stripe's pages where that stands in.
    "lib.web.server": {"lib.bootstrap", "lib.practice", "lib.settings", "lib.web"},
    "lib.cli": {
        "lib.bootstrap",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.logs",
        "lib.money",
        "lib.printing",
        "lib.services",
        "lib.store.trouble",
        "lib.store.users",
        "lib.web.server",
        "lib.worker",
    },
    "lib.__main__": {"lib.cli"},
    "lib.worker": {"lib.bootstrap", "lib.domain", "lib.ids", "lib.services"},
    # Starts practice Stripe beside the worker, with a past.
    "lib.worker.lifespan": {
        "lib.bootstrap",
        "lib.practice",
        "lib.rehearsal",
        "lib.services",
        "lib.settings",
    },
    "lib.rehearsal": {
        "lib.bootstrap",
        "lib.domain",
        "lib.errors",
        "lib.money",
        "lib.practice",
        "lib.services",
        "lib.settings",
    },
    "lib.services": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.languages",
        "lib.mail",
        "lib.money",
        "lib.printing",
        "lib.settings",
        "lib.spreadsheets",
        "lib.retries",
        "lib.store",
        "lib.stripe_gateway",
        "lib.wording",
    },
    "lib.reports": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.money",
        "lib.store.backups",
        "lib.store.charge_rows",
        "lib.store.charge_sums",
        "lib.store.confirmations",
        "lib.store.connection_pool",
        "lib.store.holds",
        "lib.store.link_states",
        "lib.store.meta",
        "lib.store.own_outcomes",
        "lib.store.search",
        "lib.store.states",
        "lib.store.sync_state",
    },
    "lib.store": {"lib.absent", "lib.clock", "lib.domain", "lib.errors", "lib.money"},
    "lib.stripe_gateway": {
        "lib.absent",
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.metrics",
        "lib.retries",
    },
    "lib.spreadsheets": {"lib.domain", "lib.errors", "lib.money"},
    "lib.printing": {"lib.domain", "lib.money"},
    "lib.wording": {"lib.domain", "lib.languages", "lib.money"},
    "lib.mail": set(),
    "lib.domain": {"lib.errors", "lib.money"},
    "lib.money": {"lib.errors"},
    "lib.settings": {"lib.errors", "lib.key_files", "lib.languages"},
    "lib.key_files": set(),
    "lib.languages": set(),
    "lib.errors": set(),
    "lib.clock": set(),
    "lib.ids": set(),
    "lib.absent": set(),
    "lib.logs": {"lib.absent"},
    "lib.metrics": set(),
    "lib": set(),
    # A stand-in for Stripe may know nothing of the product it stands in for.
    "lib.practice": {"lib.clock", "lib.languages"},
    "lib.bootstrap": {
        "lib.clock",
        "lib.errors",
        "lib.mail",
        "lib.practice",
        "lib.reports",
        "lib.services",
        "lib.settings",
        "lib.store",
        "lib.stripe_gateway",
    },
}

# The rooms of lib.services: each with the rooms below it that it may call, and why it lies there.
ROOMS: dict[str, tuple[set[str], str]] = {
    "ledger": (set(), "records what became of a try; what is asked of Stripe is handed to it"),
    "staff": (set(), "people, limits and the second person are asked by everybody"),
    "mirror": ({"ledger"}, "tells the ledger what Stripe says of our tries"),
    "continuity": (
        {"ledger", "mirror"},
        "says whether the file may be believed; writes what it lacks",
    ),
    "collect": (
        {"ledger", "staff", "mirror"},
        "reads customers and methods afresh; makes links; a second person lifts a hold",
    ),
    "refunds": (
        {"ledger", "staff", "mirror", "continuity"},
        "a second person agrees, of a file that may be believed; the mirror learns of it",
    ),
    "incidents": (
        {"ledger", "staff", "mirror", "refunds"},
        "what should not be is settled by the means of the rooms below",
    ),
    "charges": (
        {"ledger", "staff", "mirror", "continuity", "collect"},
        "charges what collect has saved",
    ),
    "messages": (
        {"charges", "collect", "continuity"},
        "says what links and failed charges are about, in the customer's language",
    ),
    "protection": (
        {"continuity"},
        "knows everything that is kept of a person; only the doors call it",
    ),
    "books": ({"charges"}, "tells what was charged and what it cost; only the doors call it"),
    "runs": (
        {"ledger", "staff", "mirror", "continuity", "collect", "charges", "messages"},
        "sends many charges; nothing but the doors calls it",
    ),
}

# Where a library may be imported at all.
ONLY_HERE: dict[str, set[str]] = {
    "streamlit": {"app", "pages", "lib.ui"},
    "streamlit_authenticator": {"lib.ui.auth"},
    # Streamlit speaks it, and nobody else.
    "authlib": set(),
    "httpx2": set(),
    "jwt": {"lib.services.staff.sign_in_cookie", "lib.services.staff.devices"},
    "stripe": {"lib.stripe_gateway"},
    # Outside the stores: only its errors, to catch them where the answer must still be given.
    "sqlite3": {
        "lib.store",
        "lib.practice",
        "lib.web",
        "lib.cli.main",
        "lib.services.charges.charge",
        "lib.services.ledger.send_and_record",
        "lib.services.mirror.jobs",
        "lib.services.refunds.send",
        "lib.services.runs",
        "lib.services.staff.doctor",
        "lib.services.staff.file_checks",
        "lib.ui.script_errors",
    },
    "sqlite_utils": {"lib.store", "lib.reports"},
    "starlette": {"app", "lib.web", "lib.practice", "lib.worker.lifespan"},
    "uvicorn": {"lib.practice", "lib.web.server", "lib.web.slow_clients", "lib.web.tab_limits"},
    "jinja2": {"lib.web", "lib.practice", "lib.printing", "lib.wording"},
    "babel": {"lib.languages", "lib.wording"},
    "orjson": {"lib.stripe_gateway.client", "lib.store.run_rows"},
    "requests": {"lib.practice", "lib.services.staff.provider_check", "lib.stripe_gateway.client"},
    "pandas": {"lib.reports", "lib.ui", "pages"},
    "bcrypt": {"lib.services.staff.passwords"},
    "zxcvbn": {"lib.services.staff.passwords"},
    "pyotp": {"lib.services.staff.codes", "lib.services.staff.second_factors"},
    "cryptography": {"lib.services.staff.codes"},
    "segno": {"lib.ui.message_panel", "lib.ui.second_factor"},
    "python_calamine": {"lib.spreadsheets"},
    "xlsxwriter": {"lib.spreadsheets"},
    "structlog": {"lib.logs"},
    "prometheus_client": {"lib.metrics", "lib.web.metrics"},
    "stamina": {"lib.retries"},
    "pyrate_limiter": {"lib.stripe_gateway"},
    "limits": {"lib.web"},
    "smtplib": {"lib.mail"},
}
NO_INPUT_OR_OUTPUT = {
    "asyncio",
    "http",
    "io",
    "logging",
    "os",
    "pathlib",
    "random",
    "secrets",
    "shutil",
    "socket",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "urllib",
    *ONLY_HERE,
}

# Used by all, and drawn nowhere.
LEAVES = {
    "__main__",
    "clock",
    "errors",
    "absent",
    "ids",
    "key_files",
    "languages",
    "lib",
    "logs",
    "metrics",
    "money",
    "retries",
    "settings",
}
LONGEST_MODULE = 300
LONGEST_PAGE = 100
LONGER: dict[str, str] = {
    "lib/settings.py": "every setting, read and checked in one place",
    "lib/bootstrap/services.py": "every service and what it stands on, in one list",
    "lib/services/collect/links.py": "its use cases share the minting of a session",
    "lib/services/mirror/sync.py": "one sync from start to end",
    "lib/store/mirror.py": "every guarded upsert of the mirror beside its reads",
    "lib/services/charges/resolve.py": "the steps of evidence are read in one order",
    "lib/practice/seed_data.py": "a table of invented people",
    "lib/store/charges.py": "charges and their attempts change together, by compare-and-swap",
    "lib/store/run_rows.py": "the queue of a run and every step of its rows",
    "lib/stripe_gateway/mapping.py": "every object of Stripe's, a few lines each",
    "lib/stripe_gateway/gateway.py": "every request to Stripe, a few lines each",
}


def python_files() -> list[Path]:
    found = [ROOT / "app.py", *ROOT.glob("pages/*.py"), *ROOT.glob("lib/**/*.py")]
    return sorted(path for path in found if "__pycache__" not in path.parts)


def module_of(path: Path) -> str:
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    return name.removesuffix(".__init__")


MODULES = {module_of(path): path for path in python_files()}


@cache
def tree_of(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


@cache
def nodes_by_kind(module: str) -> dict[type[ast.AST], list[ast.AST]]:
    nodes: dict[type[ast.AST], list[ast.AST]] = {}
    for node in ast.walk(tree_of(module)):
        nodes.setdefault(type(node), []).append(node)
    return nodes


def nodes_of(module: str, kind: type[N]) -> list[N]:
    return cast(list[N], nodes_by_kind(module).get(kind, []))


installed = cache(packages_distributions)


@cache
def imports_of(module: str) -> frozenset[str]:
    return frozenset(_imports_of(module))


def _imports_of(module: str) -> Iterator[str]:
    """Full names, wherever in the file they stand; `from lib.ui import auth` is lib.ui.auth."""
    for plain in nodes_of(module, ast.Import):
        yield from (alias.name for alias in plain.names)
    for node in nodes_of(module, ast.ImportFrom):
        assert node.level == 0, f"{module} has a relative import"
        base = node.module or ""
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in MODULES else base


def within(name: str, packages: set[str] | frozenset[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


@cache
def rule_of(module: str) -> str:
    fitting = [name for name in MAY_IMPORT if within(module, {name})]
    return max(fitting, key=len)


@cache
def own_imports_of(module: str) -> list[str]:
    ours = ("lib", "pages", "app", "tests")
    return sorted(name for name in imports_of(module) if name.split(".")[0] in ours)


def uses(module: str, library: str) -> bool:
    return any(name.split(".")[0] == library for name in imports_of(module))


def most_lines(path: Path) -> int:
    return LONGEST_PAGE if path.parent.name == "pages" else LONGEST_MODULE


def own_package_of(module: str) -> set[str]:
    return {package_of(module)} if module != "lib" else set()


def package_of(module: str) -> str:
    """What a module belongs to: lib.services for lib.services.collect.links."""
    return ".".join(module.split(".")[:2]) if module.startswith("lib.") else module.split(".")[0]


def top_of(name: str) -> str:
    """`lib.store.users` is of `store`."""
    return name.split(".")[1] if name.startswith("lib.") else name


def acts_of(module: str) -> set[str]:
    """What a module does that a pure one must not."""
    calls = {node.func.id for node in nodes_of(module, ast.Call) if isinstance(node.func, ast.Name)}
    clock = {
        node.attr
        for node in nodes_of(module, ast.Attribute)
        if node.attr in ("now", "today", "utcnow")
        # `facts.now` is a moment that was handed in; datetime.now() asks a clock.
        and not (isinstance(node.value, ast.Name) and node.value.id == "facts")
    }
    imports = {name for name in imports_of(module) if name.split(".")[0] in NO_INPUT_OR_OUTPUT}
    return imports | calls & {"open", "print", "input"} | clock


def functions_by_the_clock(module: str) -> list[ast.FunctionDef]:
    """Fragments with `run_every`, as a decorator or called with the function."""
    if "run_every" not in MODULES[module].read_text(encoding="utf-8"):
        return []
    functions = nodes_of(module, ast.FunctionDef)
    called = {
        argument.id
        for node in nodes_of(module, ast.Call)
        if "run_every" in ast.unparse(node.func)
        for argument in node.args
        if isinstance(argument, ast.Name)
    }
    return [
        function
        for function in functions
        if function.name in called
        or any("run_every" in ast.unparse(one) for one in function.decorator_list)
    ]


def begins_with_the_guard(module: str) -> bool:
    first = next(
        node
        for node in tree_of(module).body
        if not isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    )
    call = first.value if isinstance(first, ast.Assign | ast.Expr) else None
    return (
        isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "require"
    )


class TestImports:
    def test_our_own_code_by_the_table(self) -> None:
        wrong = [
            f"{module} imports {name}"
            for module in MODULES
            for name in own_imports_of(module)
            if not within(name, MAY_IMPORT[rule_of(module)] | own_package_of(module))
        ]
        assert not wrong

    def test_whatever_is_in_the_table_is_imported(self) -> None:
        needless = [
            f"{rule} may import {exception}"
            for rule, names in MAY_IMPORT.items()
            for exception in names
            if not any(
                within(name, {exception})
                for module in MODULES
                if rule_of(module) == rule
                for name in own_imports_of(module)
            )
        ]
        assert not needless

    def test_the_diagram_of_decision_001_is_the_table(self) -> None:
        table: dict[str, set[str]] = {}
        for rule, names in MAY_IMPORT.items():
            layer = top_of(rule)
            table.setdefault(layer, set()).update({top_of(name) for name in names} - {layer})
        text = (ROOT / "docs/decisions/001-architecture.md").read_text(encoding="utf-8")
        lines = text.split("```")[1].strip().splitlines()
        drawn = {}
        for line in lines:
            left, _, right = re.split(r" {3,}", line)[0].partition(" ─▶ ")
            drawn[left.removesuffix(".py").strip()] = set(filter(None, right.split(", ")))
        assert drawn == {
            layer: names - LEAVES for layer, names in table.items() if layer not in LEAVES
        }

    def test_decision_001_names_every_room(self) -> None:
        text = (ROOT / "docs/decisions/001-architecture.md").read_text(encoding="utf-8")
        floors = {
            room: int(floor)
            for floor, rooms in re.findall(r"\| (\d) \| ([^|]+) \|", text)
            for room in re.findall(r"`(\w+)`", rooms)
        }
        assert set(floors) == set(ROOMS)
        assert [
            f"{room} calls {called}"
            for room, (below, _) in ROOMS.items()
            for called in below
            if floors[called] >= floors[room]
        ] == []

    def test_a_room_calls_only_rooms_below_it(self) -> None:
        wrong = [
            f"{module} imports {name}: {reason}"
            for room, (below, reason) in ROOMS.items()
            for module in MODULES
            if within(module, {f"lib.services.{room}"})
            for name in imports_of(module)
            if within(name, {"lib.services"})
            and not within(name, {f"lib.services.{name}" for name in {room, *below}})
        ]
        assert not wrong

    def test_a_room_calls_all_rooms_that_it_may(self) -> None:
        needless = [
            f"{room} may call {called}"
            for room, (below, _) in ROOMS.items()
            for called in below
            if not any(
                within(name, {f"lib.services.{called}"})
                for module in MODULES
                if within(module, {f"lib.services.{room}"})
                for name in imports_of(module)
            )
        ]
        assert not needless

    def test_every_service_is_in_a_room_and_every_room_says_what_it_is(self) -> None:
        rooms = {name.split(".")[2] for name in MODULES if name.startswith("lib.services.")}
        assert rooms == set(ROOMS)
        for room in ROOMS:
            docstring = ast.get_docstring(tree_of(f"lib.services.{room}")) or ""
            assert len(docstring) > 200, room
            assert re.search(r"\b(call|calls|ask|asks)\b", docstring), f"{room}: who may call it"
            assert re.search(r"\b(nothing|never|no|none|above)\b", docstring, re.IGNORECASE), (
                f"{room}: what must not"
            )

    def test_the_readme_names_every_room(self) -> None:
        readme = (ROOT / "README.md").read_text(encoding="utf-8")
        assert {room for room in ROOMS if f"{room}/`" not in readme} == set()

    def test_no_two_rooms_call_each_other(self) -> None:
        """Rooms in an order in which each comes after all it calls: there is no circle."""
        placed: set[str] = set()
        for room, (below, _) in ROOMS.items():
            assert below <= placed, f"{room} calls {below - placed}, which stand above it"
            placed.add(room)

    def test_a_library_only_where_it_belongs(self) -> None:
        wrong = [
            f"{module} imports {library}"
            for library, places in ONLY_HERE.items()
            for module in MODULES
            if uses(module, library) and not within(module, places)
        ]
        assert not wrong

    def test_a_library_everywhere_it_is_said_to_be(self) -> None:
        needless = [
            f"{library} in {place}"
            for library, places in ONLY_HERE.items()
            for place in places
            if not any(uses(module, library) for module in MODULES if within(module, {place}))
        ]
        assert not needless

    def test_every_third_party_library_is_in_the_table_or_pinned(self) -> None:
        pinned = (ROOT / "requirements.txt").read_text().lower().replace("-", "_")
        outside = (
            {name.split(".")[0] for module in MODULES for name in imports_of(module)}
            - sys.stdlib_module_names
            - {"lib", "pages", "app"}
        )
        distributions = installed()
        for name in outside:
            known = [d.lower().replace("-", "_") for d in distributions.get(name, [name])]
            assert any(f"{d}==" in pinned for d in known), f"{name} is not in requirements.txt"

    def test_the_domain_is_pure(self) -> None:
        impure = {
            module: sorted(acts)
            for module in MODULES
            if within(module, {"lib.domain", "lib.money"}) and (acts := acts_of(module))
        }
        assert not impure

    def test_outside_the_stores_sqlite3_is_an_error_to_catch(self) -> None:
        used = {
            f"{module} uses {node.attr}"
            for module in MODULES
            if not within(module, {"lib.store", "lib.reports", "lib.practice"})
            for node in nodes_of(module, ast.Attribute)
            if isinstance(node.value, ast.Name)
            and node.value.id == "sqlite3"
            and node.attr not in ("Error", "OperationalError", "IntegrityError")
        }
        assert not used

    def test_practice_stripe_takes_only_params_from_the_sdk(self) -> None:
        """It imports them by name, to know the parameters that Stripe takes."""
        named = {
            (module, node.value)
            for module in MODULES
            if within(module, {"lib.practice"})
            for node in nodes_of(module, ast.Constant)
            if re.match(r"stripe\.\w", str(node.value))
        }
        assert named
        assert {module for module, _ in named} == {"lib.practice.parameters"}
        assert all(within(name.rstrip("."), {"stripe.params"}) for _, name in named)

    def test_nobody_above_the_services_goes_past_them(self) -> None:
        """What services stand on is for those who start or watch them."""
        beneath = ("uow", "gateway", "charge_sender", "intent_canceller")
        past = [
            f"{module} uses .{node.attr}"
            for module in MODULES
            if within(module, {"pages", "lib.ui", "lib.web", "lib.cli", "lib.worker"})
            for node in nodes_of(module, ast.Attribute)
            if node.attr in beneath
        ]
        assert not past

    def test_what_runs_by_the_clock_asks_who_is_there_and_keeps_nobody_signed_in(self) -> None:
        timed = [
            (module, function)
            for module in MODULES
            if within(module, {"lib.ui", "pages"})
            for function in functions_by_the_clock(module)
        ]
        assert len(timed) >= 7
        assert not [
            f"{module}.{function.name}"
            for module, function in timed
            if "require(by_itself=True" not in ast.unparse(function)
        ]

    def test_the_rules_can_fail(self) -> None:
        assert not within("lib.store.charges", MAY_IMPORT["pages"])
        assert not within("lib.stripe_gateway.gateway", MAY_IMPORT["lib.ui"])
        assert rule_of("lib.ui.context") == "lib.ui.context"
        assert rule_of("lib.ui.tables") == "lib.ui"
        assert "lib.bootstrap" in set(imports_of("lib.ui.context"))


class TestModules:
    def test_none_in_the_scripts_folder_shadows_another(self) -> None:
        """Streamlit puts lib/ui first on sys.path: a secrets.py there would be everybody's."""
        taken = set(sys.stdlib_module_names) | set(installed())
        mine = {path.stem for path in (ROOT / "lib" / "ui").glob("*.py")} - {"__init__"}
        mine |= {path.name for path in (ROOT / "lib" / "ui").iterdir() if path.is_dir()}
        assert not (mine - {"__pycache__"}) & taken

    def test_each_is_short_enough_to_read_and_no_exception_outlives_its_need(self) -> None:
        longer = {
            path.relative_to(ROOT).as_posix()
            for path in MODULES.values()
            if len(path.read_text(encoding="utf-8").splitlines()) > most_lines(path)
        }
        assert longer == set(LONGER)

    def test_no_two_classes_have_one_name(self) -> None:
        """Practice Stripe shares nothing with the product, and may say Decline as well."""
        places: dict[str, list[str]] = {}
        for module in MODULES:
            if not within(module, {"lib.practice"}):
                for node in nodes_of(module, ast.ClassDef):
                    if not node.name.startswith("_"):
                        places.setdefault(node.name, []).append(module)
        assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}

    def test_no_sql_has_a_list_of_states_of_its_own(self) -> None:
        """A set of states stands once, in the domain; SQL has it from there (lib/store/states.py)."""
        own = re.compile(r"IN\s*\(\s*'[a-z_]+'(\s*,\s*'[a-z_]+')+\s*\)")
        assert own.search("state IN ('planned',\n 'sent')")
        assert not [
            module
            for module, path in MODULES.items()
            if within(module, {"lib.store", "lib.reports", "lib.services"})
            # Steps that were released say for ever what they said.
            and not within(module, {"lib.store.steps", "lib.store.later_steps"})
            and own.search(path.read_text(encoding="utf-8"))
        ]

    def test_a_module_says_what_it_is_by_a_noun_or_a_verb(self) -> None:
        begun = re.compile(r"\s*(What|Which|How|Who|Whose)\b")
        assert [m for m in MODULES if begun.match(ast.get_docstring(tree_of(m)) or "")] == []

    def test_a_variable_is_a_noun(self) -> None:
        """The participles that said least: what was found, said, told or asked has a name."""
        participles = {"found", "said", "told", "asked"}
        fields = {
            id(statement.target)
            for module in MODULES
            for node in nodes_of(module, ast.ClassDef)
            for statement in node.body
            if isinstance(statement, ast.AnnAssign)
        }
        named = [
            f"{module}:{node.lineno}"
            for module in MODULES
            for node in nodes_of(module, ast.Name)
            if node.id in participles and isinstance(node.ctx, ast.Store) and id(node) not in fields
        ]
        named += [
            f"{module}:{node.lineno}"
            for module in MODULES
            for node in nodes_of(module, ast.arg)
            if node.arg in participles
        ]
        named += [
            f"{module}:{node.lineno}"
            for module in MODULES
            for node in nodes_of(module, ast.FunctionDef)
            if node.name.strip("_") in participles
        ]
        named += [
            f"{module}:{node.lineno}"
            for module in MODULES
            for node in nodes_of(module, ast.Attribute)
            if node.attr.strip("_") in participles and isinstance(node.ctx, ast.Store)
        ]
        assert not named

    def test_no_day_is_that_of_utc(self) -> None:
        """Days are the installation's: lib.domain.days."""
        utc = re.compile(r"(clock\(\)|\bnow(\(\))?|UTC\))\.date\(\)|utcoffset")
        assert utc.search("today = self._clock().date()")
        assert not [
            module
            for module, path in MODULES.items()
            if not within(module, {"lib.practice"}) and utc.search(path.read_text(encoding="utf-8"))
        ]

    def test_tests_set_and_import_no_private_name(self) -> None:
        """What a test has to set has a public name, or the test asks for behaviour."""
        setting = re.compile(r'\.(?:setattr|patch)\(\s*(?:[\w.]+,\s*"|"[\w.]*\.)(_[a-zA-Z]\w*)"')
        for example in ('m.setattr("lib.x._y", 1)', 'm.setattr(\n    module, "_Y", 1)'):
            assert setting.search(example)
        imported = re.compile(r"^from lib[\w.]* import (?:\([^)]*?|.*?)\b(_[a-zA-Z]\w*)", re.M)
        for example in ("from lib.x import a, _b", "from lib.x import (\n    a,\n    _b,\n)"):
            assert imported.search(example)
        assert not {
            (path.name, name)
            for path in ROOT.glob("tests/**/*.py")
            if path != Path(__file__)
            for kind in (setting, imported)
            for name in kind.findall(path.read_text(encoding="utf-8"))
        }

    def test_the_formatter_writes_every_statement(self) -> None:
        switch = re.compile("# fmt: *" + "(skip|off)")
        folders = [ROOT / name for name in ("lib", "pages", "bench", "tests", ".ci")]
        paths = [ROOT / "app.py", *(path for folder in folders for path in folder.rglob("*.py"))]
        assert not [path for path in paths if switch.search(path.read_text(encoding="utf-8"))]

    def test_every_rule_that_ruff_passes_over_would_be_broken(self) -> None:
        lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"][
            "lint"
        ]
        passed_over = [("**", code) for code in lint["ignore"]] + [
            (glob, code) for glob, codes in lint["per-file-ignores"].items() for code in codes
        ]
        ruff = [
            sys.executable,
            "-m",
            "ruff",
            "check",
            "--isolated",
            "--no-cache",
            "--output-format=json",
        ]
        ruff += [f"--select={','.join({code for _, code in passed_over})}", "--line-length=100"]
        ruff += [
            "--config=lint.mccabe.max-complexity=12",
            "lib",
            "pages",
            "tests",
            "bench",
            ".ci",
            "app.py",
        ]
        done = subprocess.run(ruff, cwd=ROOT, capture_output=True, text=True, check=False)
        broken = {
            (str(Path(one["filename"]).relative_to(ROOT)), one["code"])
            for one in json.loads(done.stdout)
        }
        needless = [
            f"{code} in {glob}"
            for glob, code in passed_over
            if not any(
                rule.startswith(code) and path.startswith(glob.removesuffix("**"))
                for path, rule in broken
            )
        ]
        assert not needless

    def test_each_says_what_it_owns(self) -> None:
        silent = [
            module
            for module in MODULES
            if tree_of(module).body and not ast.get_docstring(tree_of(module))
        ]
        assert not silent


class TestPages:
    def test_the_first_statement_is_the_guard(self) -> None:
        """Streamlit can be made to run a page without the router (STYLE F1)."""
        pages = [module for module in MODULES if module.startswith("pages.")]
        assert pages
        assert not [module for module in pages if not begins_with_the_guard(module)]

    def test_none_writes_html(self) -> None:
        pages = [module for module in MODULES if module.startswith("pages.")]
        assert not [
            module for module in pages if "unsafe_allow_html" in MODULES[module].read_text()
        ]

    def test_there_are_no_pages_beside_the_script(self) -> None:
        assert not (ROOT / "lib" / "ui" / "pages").exists()


# Put together here so that this file does not match itself.
FORBIDDEN = {
    "a path of one machine": re.compile(
        r"/(?<![\w.]/)(?:" + r"work/|" + r"home/\w|" + r"root/|" + r"Users/\w)|C:\\" + "Users"
    ),
    "a package registry": re.compile(
        r"(?:py"
        + r"pi\.org|pythonhosted"
        + r"\.org|arti"
        + r"factory|nex"
        + r"us/|index"
        + r"-url)"
    ),
    "a key": re.compile(
        r"(?:[rs]k_live_[A-Za-z0-9]{16,}|[rs]k_test_[A-Za-z0-9]{24,}|whsec_[A-Za-z0-9]{24,})"
    ),
}


CASELESS = {"a package registry"}


class TestRepository:
    @staticmethod
    def git(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )

    @pytest.mark.parametrize(
        "path",
        [
            "data/onfile.db",
            "data/onfile.db-wal",
            "data/practice.db",
            "data/cookie.key",
            "data/secret.key",
            ".streamlit/secrets.toml",
        ],
    )
    def test_git_ignores_what_must_not_be_shared(self, path: str) -> None:
        if not (ROOT / ".git").exists():
            pytest.skip("not a checkout")
        assert self.git("check-ignore", "-q", "--no-index", path).returncode == 0
        assert self.git("ls-files", "--", path).stdout == ""

    @pytest.mark.parametrize("path", ["data/.gitkeep", ".streamlit/secrets.toml.example"])
    def test_git_keeps_what_a_newcomer_needs(self, path: str) -> None:
        if not (ROOT / ".git").exists():
            pytest.skip("not a checkout")
        assert self.git("check-ignore", "-q", "--no-index", path).returncode == 1

    def test_no_committed_text_holds_a_path_a_registry_or_a_key(self) -> None:
        if not (ROOT / ".git").exists():
            pytest.skip("not a checkout")
        found = []
        for name in self.git("ls-files").stdout.splitlines():
            try:
                text = (ROOT / name).read_text(encoding="utf-8")
            except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
                continue
            for what, pattern in FORBIDDEN.items():
                hit = pattern.search(text.lower() if what in CASELESS else text)
                if hit:
                    found.append(f"{name}: {what}: {hit[0]}")
        assert not found

    @pytest.mark.parametrize(
        "text",
        [
            "see /" + "work/main",
            "/" + "home/jane/x",
            "rk_" + "live_" + "a1" * 12,
            "--index" + "-url",
        ],
    )
    def test_the_patterns_can_match(self, text: str) -> None:
        assert any(pattern.search(text) for pattern in FORBIDDEN.values())
