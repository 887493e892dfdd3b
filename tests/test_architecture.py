"""The shape of the code: who may import whom, how long a module is, what a repository must not hold."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

# Who may import whom, of our own code. The longest name that fits a module is its rule; a package
# may always import itself. STYLE 5, as it stands in this tree.
MAY_IMPORT: dict[str, set[str]] = {
    "app": {
        "lib.bootstrap",
        "lib.errors",
        "lib.practice",
        "lib.settings",
        "lib.ui.script_errors",
        "lib.web",
        "lib.worker",
    },
    # Of services, reports, settings and the users' store: types and constants. What a page does,
    # it does through the context that require() hands it.
    "pages": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.money",
        "lib.reports",
        "lib.services",
        "lib.settings",
        "lib.store.users",
        "lib.ui",
    },
    "lib.ui": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.money",
        "lib.printing",
        "lib.reports",
        "lib.services",
        "lib.settings",
        "lib.store.jobs",
        "lib.store.users",
    },
    "lib.ui.context": {"lib.bootstrap", "lib.domain", "lib.errors", "lib.ui"},
    "lib.web": {"lib.bootstrap", "lib.domain", "lib.errors", "lib.services"},
    "lib.cli": {
        "lib.bootstrap",
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.ids",
        "lib.money",
        "lib.printing",
        "lib.services",
        "lib.store.users",
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
        "lib.clock",
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
        "lib.money",
        "lib.printing",
        "lib.settings",
        "lib.spreadsheets",
        "lib.store",
        "lib.stripe_gateway",
    },
    "lib.reports": {
        "lib.clock",
        "lib.domain",
        "lib.errors",
        "lib.money",
        "lib.store.charge_rows",
        "lib.store.confirmations",
        "lib.store.connection_pool",
        "lib.store.own_outcomes",
        "lib.store.search",
        "lib.store.sync_state",
    },
    "lib.store": {"lib.domain", "lib.errors", "lib.money"},
    "lib.stripe_gateway": {"lib.clock", "lib.domain", "lib.errors", "lib.money"},
    "lib.spreadsheets": {"lib.domain", "lib.errors"},
    "lib.printing": {"lib.domain", "lib.money"},
    "lib.domain": {"lib.errors", "lib.money"},
    "lib.money": {"lib.errors"},
    "lib.settings": {"lib.errors"},
    "lib.errors": set(),
    "lib.clock": set(),
    "lib.ids": set(),
    "lib": set(),
    # A stand-in for Stripe may know nothing of the product it stands in for.
    "lib.practice": {"lib.clock"},
    "lib.bootstrap": {
        "lib.clock",
        "lib.errors",
        "lib.ids",
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
    "continuity": ({"mirror"}, "says whether the file may be believed"),
    "collect": ({"ledger", "mirror"}, "reads customers and methods afresh; makes links"),
    "refunds": (
        {"ledger", "staff", "mirror"},
        "a second person agrees; the mirror learns of it",
    ),
    "charges": (
        {"ledger", "staff", "mirror", "continuity", "collect"},
        "charges what collect has saved",
    ),
    "runs": (
        {"ledger", "staff", "mirror", "continuity", "collect", "charges"},
        "sends many charges; nothing but the doors calls it",
    ),
}

# Where a library may be imported at all.
ONLY_HERE: dict[str, set[str]] = {
    "streamlit": {"app", "pages", "lib.ui"},
    "streamlit_authenticator": {"lib.ui.auth"},
    "jwt": {"lib.ui.auth"},
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
    },
    "sqlite_utils": {"lib.store", "lib.reports"},
    "starlette": {"app", "lib.web", "lib.practice", "lib.worker.lifespan"},
    "uvicorn": {"lib.practice"},
    "jinja2": {"lib.web", "lib.practice", "lib.printing"},
    "orjson": {"lib.stripe_gateway.client", "lib.store.run_rows"},
    "requests": {"lib.practice", "lib.stripe_gateway.client"},
    "pandas": {"lib.reports", "lib.ui", "pages"},
    "altair": {"lib.ui"},
    "bcrypt": {"lib.services.staff.users"},
    "python_calamine": {"lib.spreadsheets"},
    "xlsxwriter": {"lib.spreadsheets"},
    "stamina": {"lib.stripe_gateway", "lib.services.ledger.send_and_record"},
    "pyrate_limiter": {"lib.stripe_gateway"},
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

LONGEST_MODULE = 300
LONGEST_PAGE = 100
LONGER: dict[str, str] = {
    "lib/services/collect/links.py": "its use cases share the minting of a session",
    "lib/services/mirror/sync.py": "one sync from start to end",
    "lib/store/mirror.py": "every guarded upsert of the mirror beside its reads",
    "lib/services/charges/resolve.py": "the steps of evidence are read in one order",
    "lib/practice/seed_data.py": "a table of invented people",
    "lib/services/runs/draft.py": "a draft and its judging are read together",
    "lib/domain/files/run_columns.py": "a table of headings in four languages",
    "lib/store/charges.py": "charges and their attempts change together, by compare-and-swap",
    "lib/store/run_rows.py": "the queue of a run and every step of its rows",
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
def imports_of(module: str) -> frozenset[str]:
    return frozenset(_imports_of(module))


def _imports_of(module: str) -> Iterator[str]:
    """Full names, wherever in the file they stand; `from lib.ui import auth` is lib.ui.auth."""
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module} has a relative import"
            base = node.module or ""
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                yield inner if inner in MODULES else base


def within(name: str, packages: set[str] | frozenset[str]) -> bool:
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def rule_of(module: str) -> str:
    fitting = [name for name in MAY_IMPORT if within(module, {name})]
    return max(fitting, key=len)


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


def acts_of(module: str) -> set[str]:
    """What a module does that a pure one must not."""
    nodes = list(ast.walk(tree_of(module)))
    calls = {
        node.func.id
        for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    clock = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute)
        and node.attr in ("now", "today", "utcnow")
        # `facts.now` is a moment that was handed in; datetime.now() asks a clock.
        and not (isinstance(node.value, ast.Name) and node.value.id == "facts")
    }
    imports = {name for name in imports_of(module) if name.split(".")[0] in NO_INPUT_OR_OUTPUT}
    return imports | calls & {"open", "print", "input"} | clock


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

    def test_single_modules_of_another_layer_are_in_the_table_only_while_needed(self) -> None:
        needless = [
            f"{rule} may import {exception}"
            for rule, names in MAY_IMPORT.items()
            for exception in names
            if exception.count(".") > 1
            and not any(
                within(name, {exception})
                for module in MODULES
                if rule_of(module) == rule
                for name in own_imports_of(module)
            )
        ]
        assert not needless

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
            assert len(ast.get_docstring(tree_of(f"lib.services.{room}")) or "") > 200, room

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
        distributions = packages_distributions()
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
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
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
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Constant) and re.match(r"stripe\.\w", str(node.value))
        }
        assert named
        assert {module for module, _ in named} == {"lib.practice.parameters"}
        assert all(within(name.rstrip("."), {"stripe.params"}) for _, name in named)

    def test_nobody_above_the_services_goes_past_them(self) -> None:
        """Services.uow and Services.gateway are for those who start or watch the services."""
        past = [
            f"{module} uses .{node.attr}"
            for module in MODULES
            if within(module, {"pages", "lib.ui", "lib.web", "lib.cli", "lib.worker"})
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Attribute) and node.attr in ("uow", "gateway")
        ]
        assert not past

    def test_the_rules_can_fail(self) -> None:
        assert not within("lib.store.charges", MAY_IMPORT["pages"])
        assert not within("lib.stripe_gateway.gateway", MAY_IMPORT["lib.ui"])
        assert rule_of("lib.ui.context") == "lib.ui.context"
        assert rule_of("lib.ui.tables") == "lib.ui"
        assert "lib.bootstrap" in set(imports_of("lib.ui.context"))


class TestModules:
    def test_none_in_the_scripts_folder_shadows_another(self) -> None:
        """Streamlit puts lib/ui first on sys.path: a secrets.py there would be everybody's."""
        taken = set(sys.stdlib_module_names) | set(packages_distributions())
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
        r"(?<![\w.])(?:/" + r"work/|/" + r"home/\w|/" + r"root/|/" + r"Users/\w|C:\\" + "Users)"
    ),
    "a package registry": re.compile(
        r"(?:py"
        + r"pi\.org|pythonhosted"
        + r"\.org|arti"
        + r"factory|nex"
        + r"us/|index"
        + r"-url)",
        re.I,
    ),
    "a key": re.compile(
        r"(?:[rs]k_live_[A-Za-z0-9]{16,}|[rs]k_test_[A-Za-z0-9]{24,}|whsec_[A-Za-z0-9]{24,})"
    ),
}


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
                hit = pattern.search(text)
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
