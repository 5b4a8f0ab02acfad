"""Write the type stubs of the native module, or with --check say whether they are up to date.

Signatures are in stubs.pyi beside this file. Everything else is asked of the built module: the models and
their fields, which come from the core, and the documentation.
"""

from __future__ import annotations

import ast
import copy
import inspect
import subprocess
import sys
import textwrap
from pathlib import Path

from flowai import EventKind, _flowai, exceptions

HERE = Path(__file__).parent
PACKAGE = HERE.parent.parent / "python" / "flowai"

READ = {
    "str": "str | None",
    "float": "float | None",
    "int": "int | None",
    "bool": "bool | None",
    "dict": "_Document | None",
    "tuple": "tuple[Any, ...]",
    "any": "Any",
    "model": "{} | None",
    "models": "tuple[{}, ...]",
}
GIVEN = {
    "str": "str",
    "float": "float",
    "int": "int",
    "bool": "bool",
    "dict": "_Document",
    "tuple": "Sequence[Any]",
    "any": "Any",
    "model": "{} | _Document",
    "models": "Sequence[{} | _Document]",
}


# What the classes that are no models have in common.
VALUE = """
    def __eq__(self, other: object, /) -> bool: ...
    def __hash__(self) -> int: ...
    def __copy__(self) -> Self: ...
    def __deepcopy__(self, _memo: Any) -> Self: ...
"""
RESULT = f"""
    @property
    def extra(self) -> _Document: ...
    def to_dict(self) -> _Document: ...
    @classmethod
    def from_dict(cls, document: _Document) -> Self: ...
    {VALUE.strip()}
"""


# The types of fields whose values are known in part: by class, where others have a field of that name.
OPEN = {
    ("Originator", "role"): "_Role",
    ("Template", "type"): "_TemplateType",
    ("Channel", "channel_name"): "_ChannelName",
    ("MediaMessage", "media_type"): "_MediaType | str",
}


def given(cls: type, name: str, shape: str, model: str | None) -> str:
    """Return the type of a constructor's argument."""
    if model == "Originator":
        return "_OriginatorLike"
    if (cls.__name__, name) in OPEN:
        return OPEN[cls.__name__, name]
    if name in ("lat", "long") and shape == "str":
        return "str | float"
    return GIVEN[shape].format(model)


def model_class(cls: type) -> str:
    """Return the stub of a model, without its documentation."""
    shapes = dict(cls._shapes)
    arguments = []
    for parameter in inspect.signature(cls).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in arguments:
            arguments.append("*")
        kind = given(cls, parameter.name, *shapes[parameter.name])
        if parameter.default is parameter.empty:
            arguments.append(f"{parameter.name}: {kind}")
        elif parameter.default is None:
            arguments.append(f"{parameter.name}: {kind.removesuffix(' | None')} | None = None")
        else:
            arguments.append(f"{parameter.name}: {kind} | None = {parameter.default!r}")
    base = cls.__base__.__name__
    lines = [f"class {cls.__name__}({base}):", f"    def __new__(cls, {', '.join(arguments)}) -> Self: ..."]
    derived = dict(cls._derived)
    for name, member in vars(cls).items():
        if isinstance(member, property):
            shape, model = shapes.get(name, ("str", None))
            kind = derived.get(name) or READ[shape].format(model)
            if (cls.__name__, name) in OPEN:
                kind = f"{OPEN[cls.__name__, name]} | None"
            lines += ["    @property", f"    def {name}(self) -> {kind}: ..."]
    return "\n".join(lines)


Function = ast.FunctionDef | ast.AsyncFunctionDef

# Where the asynchronous class differs from the one that has the same methods.
ASYNCHRONOUS = {
    "Client": "AsyncClient",
    "Receiver": "AsyncReceiver",
    "Inbox": "AsyncInbox",
    "Delivery": "AsyncDelivery",
    "Outbox": "AsyncOutbox",
    "Iterator": "AsyncIterator",
    "HistoryIterator": "AsyncHistoryIterator",
    "ThreadIterator": "AsyncThreadIterator",
    "ReportIterator": "AsyncReportIterator",
    "_Handling": "_AsyncHandling",
}
SPECIAL = {
    "__enter__": "__aenter__",
    "__exit__": "__aexit__",
    "__iter__": "__aiter__",
    "__next__": "__anext__",
}
# What gives no coroutine, beside the iterators.
AT_ONCE = {"__new__", "__aiter__", "with_options", "reports", "_courier", "_handling"}


class Renamed(ast.NodeTransformer):
    """The names of the asynchronous classes in place of the synchronous ones."""

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Rename one."""
        return ast.Name(ASYNCHRONOUS.get(node.id, node.id))


def expression(source: str) -> ast.expr:
    """Return an expression."""
    return ast.parse(source, mode="eval").body


def awaited(node: ast.ClassDef) -> ast.ClassDef:
    """Return the stub of an asynchronous class: that of the synchronous one, with coroutines as results."""
    node = copy.deepcopy(node)
    node.name = ASYNCHRONOUS[node.name]
    for place, member in enumerate(node.body):
        if not isinstance(member, ast.FunctionDef):
            continue
        member.name = SPECIAL.get(member.name, member.name)
        decorators = {one.id for one in member.decorator_list if isinstance(one, ast.Name)}
        if "property" in decorators:
            continue
        member.returns = Renamed().visit(member.returns)
        returned = ast.unparse(member.returns)
        if "staticmethod" in decorators:
            member.returns = expression(f"_Opening[{returned}]")
        elif inspect.iscoroutinefunction(getattr(getattr(_flowai, node.name), member.name)):
            # One that is written in Python.
            node.body[place] = ast.AsyncFunctionDef(**vars(member))
        elif member.name not in AT_ONCE and not member.name.startswith("iter_"):
            member.returns = expression(f"Coroutine[Any, Any, {returned}]")
        for argument in member.args.args:
            if isinstance(argument.annotation, ast.Name) and argument.annotation.id in ("_Messages", "_File"):
                argument.annotation.id = argument.annotation.id.replace("_", "_Awaited", 1)
            if member.name == "handle" and argument.arg == "function":
                argument.annotation = expression("Callable[[AsyncDelivery], Awaitable[object]]")
    return node


def described(name: str, owner: object) -> object:
    """Return what has the documentation of a name: a function, or what a class has or inherits of itself."""
    if not isinstance(owner, type):
        return getattr(owner, name, None)
    return next((vars(cls)[name] for cls in owner.__mro__[:-1] if name in vars(cls)), None)


def document(node: ast.ClassDef | Function, owner: object) -> None:
    """Put the documentation that a class or function has at run time into its stub."""
    if isinstance(node, Function) and node.name.startswith("__"):
        return
    found = described(node.name, owner)
    if isinstance(found, staticmethod):
        found = found.__func__
    doc = getattr(found, "__doc__", None)
    if doc and getattr(owner, "__name__", "") in ASYNCHRONOUS.values() and not inspect.isfunction(found):
        # The examples of the methods are those of the synchronous class.
        doc = doc.partition("\n\n>>> ")[0]
    if isinstance(node, ast.ClassDef) and isinstance(found, type):
        for member in node.body:
            if isinstance(member, Function):
                document(member, found)
    if doc and (found is not None):
        indent = "    " if isinstance(owner, type) or isinstance(node, ast.ClassDef) else ""
        indent = indent * (2 if isinstance(owner, type) else 1) or "    "
        text = doc.replace("\n", "\n" + indent)
        text = "\n".join(line.rstrip() for line in text.split("\n"))
        if "\n" in text:
            text += "\n" + indent
        statement = ast.Expr(ast.Constant(text))
        if isinstance(node, Function):
            node.body = [statement]
        else:
            node.body.insert(0, statement)


def matched(node: ast.ClassDef) -> None:
    """Say in the stub of a class what its patterns take by position."""
    names = getattr(getattr(_flowai, node.name, None), "__match_args__", None)
    if names is not None:
        node.body.insert(0, ast.parse(f"__match_args__ = {names!r}").body[0])


def known() -> dict[str, list[str]]:
    """Return what is known of open sets, by the place that is kept for it among the signatures."""
    models = [getattr(_flowai, name) for name in _flowai._MODELS]
    templates = [model for model in models if _flowai.Template in model.__bases__]
    types = [template().to_dict()["type"] for template in templates]
    return {
        "channel names": _flowai._CHANNEL_NAMES,
        "event types": _flowai._EVENT_TYPES,
        "kind names": [name.lower() for name, _ in _flowai._EVENT_KINDS],
        "template types": types,
        "error kinds": list(exceptions._BY_KIND),
    }


def native() -> str:
    """Return the stub of flowai._flowai."""
    models = [getattr(_flowai, name) for name in _flowai._MODELS]
    source = (HERE / "stubs.pyi").read_text()
    source = source.replace("__all__: list[str]", f"__all__ = {_flowai.__all__!r}")
    for place, names in known().items():
        assert f'"{place}"' in source
        source = source.replace(f'"{place}"', ", ".join(map(repr, names)))
    source = source.replace("    # what every result has\n", RESULT).replace(
        "    # what every value has\n", VALUE
    )
    source = source.replace("# models", "\n\n".join(model_class(cls) for cls in models))
    tree = ast.parse(source)
    both: list[ast.stmt] = []
    for node in tree.body:
        both.append(node)
        if isinstance(node, ast.ClassDef) and hasattr(_flowai, ASYNCHRONOUS.get(node.name, "")):
            both.append(awaited(node))
    tree.body = both
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            matched(node)
        if isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            document(node, _flowai)
    return ast.unparse(tree)


def kinds() -> str:
    """Return the stub of flowai._kinds."""
    members = "\n".join(f"{kind.name} = {kind.value}" for kind in EventKind)
    body = textwrap.indent(f'"""{EventKind.__doc__}"""\n\n{members}', "    ")
    return f"from enum import IntEnum\n\nclass EventKind(IntEnum):\n{body}\n"


def errors() -> str:
    """Return the stub of flowai.exceptions: the classes that its function makes, as classes of the module."""
    tree = ast.parse((PACKAGE / "exceptions.py").read_text())
    (maker,) = (node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "_classes")
    typing = next(node for node in tree.body if isinstance(node, ast.If))
    classes = [node for node in maker.body if isinstance(node, ast.ClassDef)]
    for node in classes:
        members = [member for member in node.body if not isinstance(member, ast.Assign)]
        for member in members:
            if isinstance(member, ast.FunctionDef):
                member.body = [ast.Expr(ast.Constant(...))]
        node.body = members or [ast.Expr(ast.Constant(...))]
        assert ast.get_docstring(node)
    module = ast.Module([*typing.body, *classes], [])
    source = ast.unparse(module).replace("'error kinds'", ", ".join(map(repr, exceptions._BY_KIND)))
    return f"{source}\n_BY_KIND: dict[str, type[FlowAIError]]\n__all__ = {exceptions.__all__!r}\n"


def formatted(source: str) -> str:
    """Return the source in the style of the project."""
    name = str(PACKAGE / "_flowai.pyi")
    for command in (["check", "--quiet", "--select=I,RUF022,UP037", "--fix"], ["format"]):
        command = [sys.executable, "-m", "ruff", *command, "--stdin-filename", name, "-"]
        source = subprocess.run(command, input=source, check=True, capture_output=True, text=True).stdout
    return source


def main() -> int:
    """Write or check all stubs and return the exit code."""
    stale = []
    stubs = {"_flowai.pyi": native(), "_kinds.pyi": kinds(), "exceptions.pyi": errors()}
    for name, source in stubs.items():
        path = PACKAGE / name
        wanted = formatted("# Generated by crates/flowai-python/stubs.py\n" + source)
        if not path.exists() or path.read_text() != wanted:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(wanted)
    if "--check" in sys.argv and stale:
        sys.stderr.write(f"out of date, run crates/flowai-python/stubs.py: {', '.join(stale)}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
