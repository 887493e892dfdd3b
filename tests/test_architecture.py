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
        "lib.store.connection",
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
    "ledger": (set(), "writes what became of a try inside anybody's transaction; asks nobody"),
    "staff": (set(), "people, limits and the second person are asked by everybody"),
    "mirror": ({"ledger"}, "tells the ledger what Stripe says of our tries"),
    "collect": ({"ledger", "mirror"}, "reads customers and methods afresh; makes links"),
    "refunds": ({"ledger", "staff", "mirror"}, "a second person agrees; the mirror learns of it"),
    "charges": ({"ledger", "staff", "mirror", "collect"}, "charges what collect has saved"),
    "runs": (
        {"ledger", "staff", "mirror", "collect", "charges"},
        "sends many charges; nothing but the doors calls it",
    ),
}

# Where a library may be imported at all.
ONLY_HERE: dict[str, set[str]] = {
    "streamlit": {"app", "pages", "lib.ui"},
    "streamlit_authenticator": {"lib.ui.auth"},
    "jwt": {"lib.ui.auth"},
    # Practice Stripe reads `stripe.params` to know the parameters that Stripe takes.
    "stripe": {"lib.stripe_gateway", "lib.practice.parameters"},
    # Outside the stores: only its errors, to catch them where the answer must still be given.
    "sqlite3": {
        "lib.store",
        "lib.reports",
        "lib.practice",
        "lib.web",
        "lib.cli.main",
        "lib.services.charges.charge",
        "lib.services.mirror.jobs",
        "lib.services.refunds.send",
        "lib.services.runs",
        "lib.services.mirror.webhooks",
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
    "charset_normalizer": {"lib.spreadsheets"},
    "python_calamine": {"lib.spreadsheets"},
    "xlsxwriter": {"lib.spreadsheets"},
    "stamina": {
        "lib.stripe_gateway",
        "lib.services.charges.charge",
        "lib.services.refunds.send",
        "lib.services.runs.send_row",
        "lib.services.charges.send",
    },
    "pyrate_limiter": {"lib.stripe_gateway"},
}
# Not pinned by us: a requirement of the library named, whose pin decides.
COMES_WITH: dict[str, str] = {}
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
    "lib/services/charges/charge.py": "one use case whose phases are read together",
    "lib/services/collect/links.py": "its use cases share the minting of a session",
    "lib/services/mirror/sync.py": "one sync from start to end",
    "lib/store/mirror.py": "every guarded upsert of the mirror beside its reads",
    "lib/services/charges/resolve.py": "the steps of evidence are read in one order",
    "lib/practice/parameters.py": "a table and its reader",
    "lib/practice/resources/checkout_sessions.py": "one resource with all its rules",
    "lib/practice/seed_data.py": "a table of invented people",
    "lib/domain/health.py": "to be split",
    "lib/domain/run_columns.py": "a table of headings in four languages",
    "lib/domain/run_files.py": "to be split",
    "lib/reports/charges.py": "to be split",
    "lib/store/charges.py": "to be split",
    "lib/store/run_rows.py": "to be split",
    "lib/stripe_gateway/gateway.py": "to be split",
    "pages/charges.py": "to be split",
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


def package_of(module: str) -> str:
    """What a module belongs to: lib.services for lib.services.collect.links."""
    return ".".join(module.split(".")[:2]) if module.startswith("lib.") else module.split(".")[0]


class TestImports:
    @pytest.mark.parametrize("module", MODULES)
    def test_our_own_code_by_the_table(self, module: str) -> None:
        own = {package_of(module)} if module != "lib" else set()
        allowed = MAY_IMPORT[rule_of(module)] | own
        wrong = {
            name
            for name in imports_of(module)
            if name.split(".")[0] in ("lib", "pages", "app", "tests") and not within(name, allowed)
        }
        assert not wrong

    @pytest.mark.parametrize("room", ROOMS)
    def test_a_room_calls_only_rooms_below_it(self, room: str) -> None:
        below, reason = ROOMS[room]
        allowed = {f"lib.services.{name}" for name in {room, *below}}
        wrong = {
            f"{module} imports {name}"
            for module in MODULES
            if within(module, {f"lib.services.{room}"})
            for name in imports_of(module)
            if within(name, {"lib.services"}) and not within(name, allowed)
        }
        assert not wrong, reason

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

    @pytest.mark.parametrize("library", ONLY_HERE)
    def test_a_library_only_where_it_belongs(self, library: str) -> None:
        wrong = [
            module
            for module in MODULES
            if any(name.split(".")[0] == library for name in imports_of(module))
            and not within(module, ONLY_HERE[library])
        ]
        assert not wrong

    def test_every_third_party_library_is_in_the_table_or_pinned(self) -> None:
        pinned = (ROOT / "requirements.txt").read_text().lower().replace("-", "_")
        outside = (
            {name.split(".")[0] for module in MODULES for name in imports_of(module)}
            - sys.stdlib_module_names
            - {"lib", "pages", "app"}
        )
        distributions = packages_distributions()
        for name in outside:
            known = (
                [COMES_WITH.get(name, "").lower()]
                if name in COMES_WITH
                else [d.lower().replace("-", "_") for d in distributions.get(name, [name])]
            )
            assert any(f"{d}==" in pinned for d in known), f"{name} is not in requirements.txt"

    @pytest.mark.parametrize(
        "module", [m for m in MODULES if within(m, {"lib.domain", "lib.money"})]
    )
    def test_the_domain_is_pure(self, module: str) -> None:
        assert not {n for n in imports_of(module) if n.split(".")[0] in NO_INPUT_OR_OUTPUT}
        calls = {
            node.func.id
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert not calls & {"open", "print", "input"}
        clock = {
            node.attr
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Attribute)
            and node.attr in ("now", "today", "utcnow")
            # `facts.now` is a moment that was handed in; datetime.now() asks a clock.
            and not (isinstance(node.value, ast.Name) and node.value.id == "facts")
        }
        assert not clock, "the domain is told what time it is"

    @pytest.mark.parametrize(
        "module",
        [
            "lib.web.routes",
            "lib.cli.main",
            "lib.services.charges.charge",
            "lib.services.mirror.webhooks",
        ],
    )
    def test_outside_the_stores_sqlite3_is_an_error_to_catch(self, module: str) -> None:
        used = {
            node.attr
            for node in ast.walk(tree_of(module))
            if isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "sqlite3"
        }
        assert used <= {"Error", "OperationalError", "IntegrityError"}

    def test_practice_stripe_takes_only_params_from_the_sdk(self) -> None:
        named = [n for n in imports_of("lib.practice.parameters") if n.split(".")[0] == "stripe"]
        assert all(within(name, {"stripe.params"}) for name in named)

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

    @pytest.mark.parametrize("module", MODULES)
    def test_is_short_enough_to_read(self, module: str) -> None:
        path = MODULES[module]
        lines = len(path.read_text(encoding="utf-8").splitlines())
        most = LONGEST_PAGE if path.parent.name == "pages" else LONGEST_MODULE
        assert lines <= most or path.relative_to(ROOT).as_posix() in LONGER

    def test_the_exceptions_are_still_needed(self) -> None:
        for name in LONGER:
            assert (ROOT / name).is_file(), name

    @pytest.mark.parametrize("module", MODULES)
    def test_says_what_it_owns(self, module: str) -> None:
        tree = tree_of(module)
        assert not tree.body or ast.get_docstring(tree)


class TestPages:
    PAGES = sorted(module for module in MODULES if module.startswith("pages."))

    @pytest.mark.parametrize("module", PAGES)
    def test_the_first_statement_is_the_guard(self, module: str) -> None:
        """Streamlit can be made to run a page without the router (STYLE F1)."""
        body = [
            node
            for node in tree_of(module).body
            if not isinstance(node, ast.Import | ast.ImportFrom)
            and not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
        ]
        first = body[0]
        value = first.value if isinstance(first, ast.Assign | ast.Expr) else None
        assert isinstance(value, ast.Call)
        assert isinstance(value.func, ast.Name)
        assert value.func.id == "require"

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
