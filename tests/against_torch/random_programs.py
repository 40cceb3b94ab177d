"""Random programs run by PyTorch and by Zincir, compared statement by statement.

    python tests/against_torch/random_programs.py --seeds 0:1000

prints each different failure once, shrunk, as a program that either library runs. Programs are made
beside PyTorch: a statement is kept if PyTorch takes it (and now and then if it does not).
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import os
import random
import re
import select
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from program_sessions import (
    CRASH,
    MISSING,
    Outcome,
    Part,
    Program,
    Statement,
    Torch,
    is_module,
    judge,
)
from program_words import (
    FAMILIES,
    HEADER,
    IN_FUNCTIONS,
    INDICES,
    NOT_IN_FUNCTIONS,
    NUMBERS,
    SHAPES,
    THEMES,
    WEIGHTS,
)

ALWAYS = ("create", "pointwise")
MOST_NUMBERS = 400
LARGEST = 300.0  # the sine of a large number magnifies its rounding
PREFIXES = {"new": "t", "newn": "n", "newm": "m", "newo": "o", "newh": "h"}
HOLE = re.compile(r"\{(\w+)\}")
Test = Callable[[Any], bool]


def _is(kind: type) -> Test:
    return lambda x: isinstance(x, kind)


def _floats(x: Any) -> bool:
    return isinstance(x, torch.Tensor) and x.is_floating_point()


def _tracked(x: Any) -> bool:
    return _floats(x) and x.requires_grad


# What may stand in a hole that takes a name.
TESTS: dict[str, Test] = {
    "a": _is(torch.Tensor),
    "f": _floats,
    "r": _tracked,
    "q": _tracked,
    "p": lambda x: _tracked(x) and x.is_leaf,
    "n": _is(np.ndarray),
    "j": lambda x: isinstance(x, np.ndarray) and x.dtype.kind == "i",
    "m": is_module,
    "w": is_module,
    "o": _is(torch.optim.Optimizer),
    "h": lambda x: hasattr(x, "remove") and not isinstance(x, torch.Tensor),
}


def suits(test: Test, value: Any) -> bool:
    try:
        return test(value)
    except RuntimeError:  # a view that PyTorch lets nobody use any more
        return False


def is_alone(x: Any, bases: list[torch.Tensor | None]) -> bool:
    """Whether it is a tensor, no view, and has none."""
    return isinstance(x, torch.Tensor) and x._base is None and all(base is not x for base in bases)


class NothingFits(Exception):
    """No value that a template could use."""


class Maker:
    """Makes one part: statements that PyTorch takes, tried one after the other."""

    def __init__(self, rng: random.Random, kinds: set[str], errors: float) -> None:
        self.rng, self.errors = rng, errors
        on = {k for k in sorted(kinds) if k in ALWAYS or rng.random() < 0.65}
        if "function" not in on:
            on.discard("call")
        self.families = sorted(on)
        theme = rng.choice(THEMES)
        self.weights = {k: w * 4 if k in theme else w for k, w in WEIGHTS.items()}
        self.statements: list[Statement] = []
        self.body: list[Statement] | None = None  # of the function that is being made
        self.arguments: dict[str, str] = {}
        self.functions: dict[str, list[str]] = {}
        self.count: Counter[str] = Counter()
        self.looks = "look" in on
        self.session = Torch()
        self.local: dict[str, Any] = {}

    def make(self, length: int) -> Part:
        for _ in range(self.rng.randint(2, 3)):
            self.add_from("create")
        while len(self.statements) < length:
            family = self.choose(self.families)
            if family == "function":
                self.add_function()
            elif family == "call":
                self.add_call()
            else:
                self.add_from(family)
        return tuple(self.statements)

    def choose(self, families: list[str]) -> str:
        return self.rng.choices(families, [self.weights[f] for f in families])[0]

    # --- names and holes ----------------------------------------------------------------------

    def values(self) -> dict[str, Any]:
        seen = {k: v for k, v in self.session.names.items() if k[-1].isdigit() and k[0] in "tnmoh"}
        return seen | self.local | dict(held(self.local))

    def pick(self, test: Test) -> str:
        """A name whose value fits, most likely a late one."""
        names = [k for k, v in self.values().items() if suits(test, v)]
        if not names:
            raise NothingFits
        return names[int(len(names) * self.rng.random() ** 0.6)]

    def new(self, prefix: str) -> str:
        self.count[prefix] += 1
        inside = "x" if self.body is not None and prefix == "t" else prefix
        return f"{inside}{self.count[prefix]}"

    def beside(self, name: str, test: Test) -> str:
        """A tensor that mostly broadcasts with that one."""
        shape = self.values()[name].shape if name else ()

        def fits(x: Any) -> bool:
            if not test(x):
                return False
            pairs = zip(reversed(x.shape), reversed(shape), strict=False)
            return all(m == n or 1 in (m, n) for m, n in pairs)

        return self.pick(fits if self.rng.random() < 0.8 else test)

    def filled(self, template: str) -> str:
        known: dict[str, str] = {}

        def fill(match: re.Match[str]) -> str:
            hole = match[1]
            if hole in PREFIXES:
                return self.new(PREFIXES[hole])
            if hole not in known:
                known[hole] = self.filling(hole, known)
            return known[hole]

        return HOLE.sub(fill, HOLE.sub(fill, template))

    def filling(self, hole: str, known: dict[str, str]) -> str:
        choose = self.rng.choice
        if hole == "b":
            return self.beside(known.get("a", ""), TESTS["a"])
        if hole == "g":
            return self.beside(known.get("f", ""), TESTS["f"])
        if hole == "i":
            return self.input_of(known.get("m", known.get("w", "")))
        if hole in "lu":
            bases = [getattr(v, "_base", None) for v in self.values().values()]
            return self.pick(lambda x: is_alone(x, bases) and (hole == "u" or _floats(x)))
        if hole in TESTS:
            return self.pick(TESTS[hole])
        numbers = [k for k, v in self.local.items() if isinstance(v, float)]
        if hole == "k" and numbers and self.rng.random() < 0.5:
            return choose(numbers)
        plain = {"k": NUMBERS, "d": ("0", "-1", "1"), "shape": SHAPES, "at": INDICES}
        if hole in plain:
            return choose(plain[hole])
        return self.literal(hole)

    def input_of(self, module: str) -> str:
        """A tensor that a module takes: one that is there, or new numbers."""
        parameters = list(self.values()[module].parameters())
        if not parameters:
            return self.pick(_floats)
        n = parameters[0].shape[-1]
        names = [k for k, v in self.values().items() if _floats(v) and v.shape[1:] == (n,)]
        if names and self.rng.random() < 0.8:
            return self.rng.choice(names)
        rows = [[self.rng.randint(-8, 8) / 4 for _ in range(n)] for _ in range(3)]
        return f"T.tensor({rows})"

    def literal(self, kind: str) -> str:
        values = {"data": [k / 4 for k in range(-8, 9)], "ints": [0, 1], "bools": [False, True]}
        shape = self.rng.choice([(2,), (3,), (2, 2), (2, 3), (1, 2), (3, 2), (2, 2, 2)])

        def nested(sizes: tuple[int, ...]) -> Any:
            if not sizes:
                return self.rng.choice(values[kind])
            return [nested(sizes[1:]) for _ in range(sizes[0])]

        return str(nested(shape))

    # --- statements ---------------------------------------------------------------------------

    def add_from(self, family: str) -> None:
        for _ in range(8):
            try:
                text = self.filled(self.template(family))
            except NothingFits:
                continue
            quietly = family in ("change", "augmented", "pointwise", "module")
            if quietly and self.rng.random() < (0.25 if family == "change" else 0.05):
                statement = Statement("with T.no_grad():", (text,), family)
            else:
                statement = Statement(text, (), family)
            if self.add(statement):
                return

    def template(self, family: str) -> str:
        template = self.rng.choice(FAMILIES[family])
        if self.body is not None and any(word in template for word in NOT_IN_FUNCTIONS):
            raise NothingFits
        return template

    def add(self, statement: Statement) -> bool:
        """Keep a statement if PyTorch takes it, and numbers stay small."""
        error = self.session.run(statement.text, self.local or None)
        keep = (error is None and self.is_tame()) or (
            error is not None and self.body is None and self.rng.random() < self.errors
        )
        if keep:
            (self.statements if self.body is None else self.body).append(statement)
        if error is not None or not keep:
            self.restart()
        return keep

    def is_tame(self) -> bool:
        tensors = [value for value in self.values().values() if isinstance(value, torch.Tensor)]
        try:
            return all(map(is_small, tensors))
        except RuntimeError:  # a view that PyTorch lets nobody use any more
            return False

    def restart(self) -> None:
        """Run again what is kept: what was refused may have done half of its work."""
        self.session = Torch()
        for statement in self.statements:
            self.session.run(statement.text)
        self.local = {}
        if self.body is not None:
            names = self.session.names
            self.local = {k: eval(code_of(v), names) for k, v in self.arguments.items()}
            for statement in self.body:
                self.session.run(statement.text, self.local)

    # --- functions ----------------------------------------------------------------------------

    def add_function(self) -> None:
        try:
            values = [self.argument() for _ in range(self.rng.randint(1, 3))]
            for value in values:
                eval(code_of(value), self.session.names)
        except (NothingFits, IndexError, RuntimeError):
            return
        self.arguments = {f"x{i}_": v for i, v in enumerate(values)}
        self.body = []
        self.restart()
        families = [f for f in self.families if f in IN_FUNCTIONS]
        for _ in range(self.rng.randint(1, 6)):
            family = self.choose(families)
            if family == "call":
                self.add_call()
            else:
                self.add_from(family)
        lines = [line for s in self.body for line in s.text.split("\n")]
        lines.append(f"return {self.result()}")
        name = self.new("f")
        head = f"@C\ndef {name}({', '.join(self.arguments)}):"
        self.body = None
        self.restart()
        self.functions[name] = values
        if self.add(Statement(head, tuple(lines), "function")):
            self.call(name, values)

    def argument(self) -> str:
        if self.rng.random() < 0.2:
            return self.rng.choice(NUMBERS)
        name = self.pick(TESTS["a"])
        if self.rng.random() < 0.25:
            return f"{name}[{self.rng.choice(INDICES[:14])}]"
        if self.rng.random() < 0.1:
            forms = "[{a}, {b}]", "dict(a={a}, b={b})", "[{a}, {a}]"
            return self.filled(self.rng.choice(forms))
        return name

    def result(self) -> str:
        names = [k for k, v in self.local.items() if isinstance(v, torch.Tensor)]
        if not names or self.rng.random() < 0.1:
            return "None"
        last = names[-1]
        forms = (last, last, last, f"{last}, {self.rng.choice(names)}", f"{last}[0]",
                 f"{last}.view(-1)", f"{last}.detach()", f"[{last} * 2]", names[0],
                 f"dict(a={last}, b={names[0]})")  # fmt: skip
        return self.rng.choice(forms)

    def add_call(self) -> None:
        if self.functions:
            name = self.rng.choice(sorted(self.functions))
            self.call(name, self.functions[name])

    def call(self, name: str, first: list[str]) -> None:
        """Call it with what it was made with, with other tensors or other numbers."""
        values = list(first)
        for i, value in enumerate(values):
            if self.rng.random() < 0.4:
                values[i] = self.another(value)
        text = f"{self.new('t')} = {name}({', '.join(values)})"
        if self.body is None and self.rng.random() < 0.1:
            self.add(Statement("with T.no_grad():", (text,), "call"))
        else:
            self.add(Statement(text, (), "call"))

    def another(self, value: str) -> str:
        old = self.session.names.get(value)
        if not isinstance(old, torch.Tensor):
            return self.rng.choice(NUMBERS) if value in NUMBERS else value
        return self.pick(lambda x: isinstance(x, torch.Tensor) and x.shape == old.shape)


def is_small(tensor: torch.Tensor) -> bool:
    if tensor.numel() > MOST_NUMBERS:
        return False
    numbers = tensor.detach().numpy()
    return not numbers.size or bool(numbers.min() > -LARGEST and numbers.max() < LARGEST)


def held(local: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Tensors in lists and dictionaries that were given to a function."""
    for name, value in local.items():
        if isinstance(value, list):
            yield from ((f"{name}[{i}]", x) for i, x in enumerate(value))
        elif isinstance(value, dict):
            yield from ((f"{name}['{key}']", x) for key, x in value.items())


def code_of(expression: str) -> Any:
    return compile(expression, "<argument>", "eval")


def generate(seed: int, kinds: set[str] | None = None, threads: bool | None = None) -> Program:
    """The program of a seed. One in twelve has several parts, each for a thread of its own."""
    rng = random.Random(seed)
    several = rng.random() < 1 / 12 if threads is None else threads
    parts = rng.randint(2, 4) if several else 1
    kinds = set(WEIGHTS) if kinds is None else kinds
    if rng.random() < 0.5:
        kinds = kinds - {"look"}  # everything at the end only
    errors = 0.1 if rng.random() < 0.1 else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = [Maker(rng, kinds, errors).make(rng.randint(6, 24)) for _ in range(parts)]
        return Program(tuple(part + poke(rng, part) for part in made))


def poke(rng: random.Random, part: Part) -> Part:
    """Write to what is left, so that what shares memory shows it."""
    names = sorted(set(re.findall(r"\bt\d+\b", "\n".join(s.text for s in part))))
    chosen = rng.sample(names, min(len(names), rng.randint(0, 3)))
    return tuple(Statement("with T.no_grad():", (f"{name}.mul_(3)",), "poke") for name in chosen)


# --- shrinking --------------------------------------------------------------------------------


def simpler_statements(statement: Statement) -> Iterator[Statement]:
    head, body = statement.head, statement.body
    if head == "with T.no_grad():":
        yield Statement(body[0], (), statement.family)
    if head.startswith("@C\n"):
        yield Statement(head[3:], body, statement.family)
    if "def " in head:
        for k, more in blocks(body[:-1]):
            yield Statement(head, body[:k] + body[more:], statement.family)
        if body[-1] != "return None":
            yield Statement(head, (*body[:-1], "return None"), statement.family)


def blocks(body: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where each statement of a body begins and ends, its own body with it."""
    starts = [k for k, line in enumerate(body) if not line.startswith("    ")]
    yield from itertools.pairwise([*starts, len(body)])


class Shrinker:
    """Takes away from a program what it fails without."""

    def __init__(self, program: Program, fails: Callable[[Program], bool], tries: int) -> None:
        self.program, self.fails, self.tries = program, fails, tries
        self.seen = {program}

    def attempt(self, parts: Iterable[Part]) -> bool:
        candidate = Program(tuple(part for part in parts if part))
        if candidate in self.seen or not candidate.parts or self.tries <= 0:
            return False
        self.seen.add(candidate)
        self.tries -= 1
        if self.fails(candidate):
            self.program = candidate
            return True
        return False

    def run(self) -> Program:
        before = None
        while before != self.program:
            before = self.program
            for i in reversed(range(len(self.program.parts))):
                self.attempt(part for k, part in enumerate(self.program.parts) if k != i)
            for i in reversed(range(len(self.program.parts))):
                self.take_away(i)
                self.simplify(i)
        return self.program

    def with_part(self, i: int, part: Part) -> tuple[Part, ...]:
        return (*self.program.parts[:i], part, *self.program.parts[i + 1 :])

    def take_away(self, i: int) -> None:
        """Statements, half of them first, then smaller pieces."""
        size = len(self.program.parts[i])
        while size:
            size //= 2
            end = len(self.program.parts[i])
            while end > 0 and size:
                part = self.program.parts[i]
                self.attempt(self.with_part(i, part[: max(end - size, 0)] + part[end:]))
                end -= size

    def simplify(self, i: int) -> None:
        """Lines of functions, and what statements stand in."""
        for k in reversed(range(len(self.program.parts[i]))):
            found = True
            while found:
                part = self.program.parts[i]
                found = any(
                    self.attempt(self.with_part(i, (*part[:k], simpler, *part[k + 1 :])))
                    for simpler in simpler_statements(part[k])
                )


def alone(program: Program, outcome: Outcome) -> tuple[Program, Outcome]:
    """The part that also fails alone, if there is one: then threads have nothing to do with it."""
    if len(program.parts) > 1:
        for part in program.parts:
            single = judge(Program((part,)))
            if single.is_failure:
                return Program((part,)), single
        outcome = replace(outcome, key=f"threads: {outcome.key}")
    return program, outcome


def shrunk(
    program: Program, outcome: Outcome, tries: int = 200, beat: Callable[[], None] = lambda: None
) -> Program:
    """The smallest program that fails alike; several threads fail now and then only."""
    repeats = 1 if len(program.parts) == 1 else 3
    key = outcome.key.removeprefix("threads: ")

    def fails(candidate: Program) -> bool:
        beat()
        return any(judge(candidate).key == key for _ in range(repeats))

    return Shrinker(program, fails, tries).run()


def text_of(program: Program) -> str:
    """The program as Python; parts are functions of threads."""
    if len(program.parts) == 1:
        return "\n".join(statement.text for statement in program.parts[0])
    texts = []
    for i, part in enumerate(program.parts):
        lines = "\n".join(statement.text for statement in part).split("\n")
        texts.append("\n    ".join((f"def thread{i}():", *lines)))
    return "\n".join(texts)


RUNNABLE = '''"""python THIS torch; python THIS zincir"""
import copy, pickle, sys
import numpy as np
if sys.argv[1] == "torch":
    import torch as T
    from torch import nn
    C = lambda function: function
else:
    import zincir as T
    from zincir import nn
    C = T.compile
F, look = nn.functional, print
'''


def runnable(program: Program) -> str:
    """A file that runs it in the library its argument names."""
    names = sorted(set(re.findall(r"\b[tn]\d+\b", text_of(program))))
    shown = "\n".join(f"print('{n}', {n})" for n in names) if len(program.parts) == 1 else ""
    return "\n".join((RUNNABLE + HEADER, text_of(program), shown))


# --- the command ------------------------------------------------------------------------------


def signature(program: Program, outcome: Outcome) -> str:
    """Equal for failures that look like one: what differs, and the operations that are left."""
    if "WRONG" not in outcome.key:
        return outcome.key
    words = re.findall(r"[.@ ]([a-zA-Z_]{2,})\b|( @ |\[|\+=|\*=)", text_of(program))
    used = {a or b.strip() for a, b in words} - {"requires_grad", "True", "tensor", "T", "None"}
    return f"{outcome.key} {' '.join(sorted(used))}"


def work(seeds: range, kinds: set[str] | None, options: argparse.Namespace) -> None:
    """The child: a line of JSON before and after each seed, and while it shrinks."""
    torch.set_num_threads(1)
    keys: Counter[str] = Counter()
    for seed in seeds:
        report({"seed": seed})
        program = generate(seed, kinds, True if options.threads else None)
        report({"seed": seed, "text": text_of(program)})
        outcome = judge(program)
        line: dict[str, Any] = {"seed": seed, "kind": outcome.kind, "key": outcome.key}
        if outcome.is_failure:
            program, outcome = alone(program, outcome)
            keys[outcome.key] += 1
            if not options.quick and keys[outcome.key] <= shrinks(outcome):
                program = shrunk(program, outcome, beat=functools.partial(report, {"seed": seed}))
                outcome = replace(outcome, detail=judge(program).detail or outcome.detail)
            line["key"] = signature(program, outcome)
            line["text"], line["detail"] = text_of(program), outcome.detail
        elif outcome.kind == MISSING:
            line["detail"] = outcome.detail
        report(line)


def shrinks(outcome: Outcome) -> int:
    """How many failures with the same key are shrunk: errors tell more than wrong numbers do."""
    return 60 if outcome.key.startswith("WRONG") else 2


def report(line: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


class Children:
    """Runs seeds in child processes, and starts another behind a seed that kills or hangs one."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.options = options
        self.kinds: Counter[str] = Counter()
        self.found: dict[str, tuple[int, dict[str, Any]]] = {}

    def run(self, first: int, last: int) -> None:
        while first < last:
            first = self.run_child(first, last) + 1

    def run_child(self, first: int, last: int) -> int:
        """The last seed that is dealt with."""
        command = [sys.executable, __file__, "--work", "--seeds", f"{first}:{last}"]
        command += ["--kinds", self.options.kinds] if self.options.kinds else []
        command += ["--quick"] if self.options.quick else []
        command += ["--threads"] if self.options.threads else []
        child = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert child.stdout is not None
        at, last_line = first, {}
        for text in lines_until(child.stdout, self.options.timeout):
            line = json.loads(text)
            at, last_line = line["seed"], {**last_line, **line}
            if "kind" in line:
                self.note(line)
                self.write()
                last_line = {}
        try:
            status = child.wait(1.0)  # it ended, or said nothing for too long
        except subprocess.TimeoutExpired:
            status = None
            child.kill()
            child.wait()
        if last_line and at < last:
            what = "hangs" if status is None else f"dies ({status})"
            self.note({"kind": CRASH, "key": f"process {what}", "detail": what, **last_line})
        return at

    def note(self, line: dict[str, Any]) -> None:
        self.kinds[line["kind"]] += 1
        if "detail" not in line and line["key"] not in self.found:
            return
        times, first = self.found.get(line["key"], (0, line))
        shorter = min(first, line, key=lambda x: len(x.get("text", " " * 10_000)))
        self.found[line["key"]] = (times + 1, shorter)

    def write(self) -> None:
        if self.options.out:
            with self.options.out.open("w", encoding="utf-8") as out:
                self.print(out)

    def print(self, out: IO[str]) -> None:
        for key, (times, line) in sorted(self.found.items(), key=lambda x: -x[1][0]):
            out.write(f"\n### {times} times: {key}\n# seed {line['seed']}\n")
            out.write(f"{line.get('text', '(before any program)')}\n# {line.get('detail', '')}\n")
        out.write("\n" + ", ".join(f"{n} {kind}" for kind, n in self.kinds.items()) + "\n")


def lines_until(stream: IO[bytes], timeout: float) -> Iterator[bytes]:
    """Lines of a child, until it ends or is silent for too long."""
    rest, end = b"", time.monotonic() + timeout
    while select.select([stream], [], [], max(end - time.monotonic(), 0))[0]:
        more = os.read(stream.fileno(), 1 << 16)
        if not more:
            return
        *lines, rest = (rest + more).split(b"\n")
        yield from lines
        end = time.monotonic() + timeout


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="0:200", help="first:last")
    parser.add_argument("--kinds", default="", help="families of statements, with commas")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--timeout", type=float, default=120.0, help="seconds for one seed")
    parser.add_argument("--threads", action="store_true", help="programs of several threads only")
    parser.add_argument("--quick", action="store_true", help="do not shrink")
    parser.add_argument("--show", action="store_true", help="print the programs, run nothing")
    parser.add_argument("--out", type=Path, help="write what is found to this file")
    parser.add_argument("--work", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    first, last = map(int, options.seeds.split(":"))
    kinds = set(options.kinds.split(",")) | set(ALWAYS) if options.kinds else None
    if options.show:
        for seed in range(first, last):
            sys.stdout.write(f"# seed {seed}\n{runnable(generate(seed, kinds))}\n")
    elif options.work:
        work(range(first, last), kinds, options)
    else:
        search(options, first, last)


def search(options: argparse.Namespace, first: int, last: int) -> None:
    from concurrent.futures import ThreadPoolExecutor

    children = Children(options)
    pieces = np.linspace(first, last, options.jobs + 1).astype(int)
    with ThreadPoolExecutor(options.jobs) as pool:
        for piece in itertools.pairwise(pieces):
            pool.submit(children.run, *map(int, piece))
    children.write()
    if not options.out:
        children.print(sys.stdout)


if __name__ == "__main__":
    main()
