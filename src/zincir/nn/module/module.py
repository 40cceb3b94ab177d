"""Module: layers, and the nets made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar, cast

from zincir.autograd import no_grad
from zincir.device import no_gpu
from zincir.errors import ArgumentError, DeviceError, DTypeError, explain
from zincir.graph.node import describe, here
from zincir.nn.module.checks import check_device, type_to_convert_to
from zincir.nn.module.parameter import Buffer, Parameter
from zincir.nn.module.parts import Parts
from zincir.nn.module.saving import Saved
from zincir.nn.module.tree import found, members, named, named_with_repeats
from zincir.recording import note_module, note_setting
from zincir.tensor import Tensor
from zincir.tensor_types import named_type
from zincir.types import DType, bfloat16, float16, float32, float64


class Module(Saved):
    """What every layer and net is: parameters, buffers and other modules, and a `forward`.

    Subclasses call `super().__init__()` first, assign layers and parameters to attributes, and
    define `forward`. The module is then called like a function.

    Example:
        >>> import zincir
        >>> class Net(Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.scale = Parameter(zincir.tensor([2.0]))
        ...
        ...     def forward(self, x):
        ...         return self.scale * x
        >>> net = Net()
        >>> net(zincir.tensor([3.0])).item()
        6.0
        >>> list(net.state_dict())
        ['scale']
    """

    training: bool
    _modules: dict[str, Module | None]
    dump_patches = False
    call_super_init = False
    _asks: ClassVar[bool] = False
    """Whether a subclass has a `__getattr__`, which is to be asked for what is registered."""
    T_destination = TypeVar("T_destination", bound=dict[str, Any])

    def __init__(self) -> None:
        fields = self.__dict__
        fields["training"] = True
        for kind in _KINDS:
            fields[kind] = Parts(self) if kind in _HELD else {}
        fields["_temporary"] = set()
        fields["_name_in_parent"] = ""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The computation; every subclass that is called defines it."""
        name = type(self).__name__
        raise NotImplementedError(
            explain(
                f"{name} has no forward",
                where=describe(here()),
                try_=f"define forward(self, x) in {name}; check its spelling and indentation",
            )
        )

    # What the module holds. A registered thing is an ordinary attribute too, so that reading it
    # costs nothing extra; every write passes through here and keeps both the same.

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, Parameter):
            self._hold("_parameters", name, value)
        elif isinstance(value, Module):
            self._hold("_modules", name, value)
        elif name in _HELD:
            self._hold_all(name, value)
        elif isinstance(value, Buffer) and not self._is_part(name):
            self._hold("_buffers", name, value)
            (self._temporary.discard if value.persistent else self._temporary.add)(name)
        else:
            note_setting(self, name, value)
            held = [kind for kind in _HELD if name in self.__dict__.get(kind, ())]
            for kind in held:
                _check_kind(kind, name, value)
                self.__dict__[kind].put(name, value)
                self._show(name, value)
            if not held:
                object.__setattr__(self, name, value)
            if name == "__class__":
                self._show_all()

    def _is_part(self, name: str) -> bool:
        fields = self.__dict__
        return name in fields.get("_parameters", ()) or name in fields.get("_modules", ())

    if not TYPE_CHECKING:  # so that misspelt names are found

        def __getattr__(self, name: str) -> Any:
            # What is registered is an attribute. This is for dictionaries put in their place
            # unseen, and for subclasses whose `__getattr__` is asked first.
            for kind in _HELD:
                held = self.__dict__.get(kind, ())
                if name in held:
                    return held[name]
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def __delattr__(self, name: str) -> None:
        note_setting(self, name, None)
        held = [p for kind in _HELD if name in (p := self.__dict__.get(kind, ()))]
        for parts in held:
            del parts[name]  # and the attribute with it
        if not held:
            object.__delattr__(self, name)

    def _hold(self, kind: str, name: str, value: Any) -> None:
        fields = self.__dict__
        if kind not in fields:
            raise ArgumentError(
                explain(
                    f"{type(self).__name__}.{name}: assigned before Module.__init__() has run",
                    where=describe(here()),
                    try_=f"call super().__init__() first in {type(self).__name__}.__init__",
                )
            )
        note_setting(self, name, value)
        for other in ("_parameters", "_modules", "_buffers"):
            if other != kind:
                fields[other].pop(name, None)
        fields[kind].put(name, value)
        self._show(name, value)
        if isinstance(value, Module):
            value._learn_name(self._name_below(name))

    def _hold_all(self, kind: str, given: dict[str, Any]) -> None:
        """Hold what is in a dictionary, and nothing else of this kind."""
        note_setting(self, kind, given)
        fields = self.__dict__
        for name in fields.get(kind, ()):
            fields.pop(name, None)
        fields[kind] = Parts(self, given)
        self._show_all()

    def _show(self, name: str, value: Any) -> None:
        """Let what is registered be an attribute, unless the class asks `__getattr__` for it."""
        if self._asks:
            self.__dict__.pop(name, None)
        else:
            self.__dict__[name] = value

    def _show_all(self) -> None:
        for kind in _HELD:
            for name, value in self.__dict__.get(kind, {}).items():
                self._show(name, value)

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if "_asks" not in cls.__dict__:
            own: Any = cls
            cls._asks = own.__getattr__ is not cast(Any, Module).__getattr__

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for kind in _HELD:
            given = self.__dict__.get(kind)
            if isinstance(given, Parts):
                given.share(self)
            elif given is not None:
                self.__dict__[kind] = Parts(self, given)

    def _learn_name(self, name: str) -> None:
        """Learn the name under which the parent runs this module."""
        self.__dict__["_name_in_parent"] = name
        if type(self).forward is Module.forward:
            for below, child in self._modules.items():
                if child is not None:
                    child._learn_name(self._name_below(below))

    def _name_below(self, name: str) -> str:
        """A module without a forward (a ModuleList) is never run: its children carry its name."""
        runs = type(self).forward is not Module.forward
        return name if runs or not self._name_in_parent else f"{self._name_in_parent}.{name}"

    def _register(self, kind: str, name: str, value: Any) -> None:
        problem = ""
        if not name or "." in name:
            problem = "a name that is not empty and has no dot"
        elif name not in self.__dict__.get(kind, ()) and (
            name in self.__dict__ or hasattr(type(self), name)
        ):
            problem = "a name that is not an attribute already"
        if problem:
            raise ArgumentError(
                explain(f"{type(self).__name__}: cannot register {name!r}", expected=problem)
            )
        _check_kind(kind, name, value)
        self._hold(kind, name, value)

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Add a parameter under `name`; None keeps the name for one that does not exist."""
        self._register("_parameters", name, param)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Add a tensor that is state but not trained; not `persistent`: not in the state_dict."""
        self._register("_buffers", name, tensor)
        (self._temporary.discard if persistent else self._temporary.add)(name)

    def add_module(self, name: str, module: Module | None) -> None:
        """Add a module under `name`."""
        self._register("_modules", name, module)

    register_module = add_module

    # Walks: parents first, in the order in which things were assigned; what is reachable by two
    # names comes once, under the first.

    def named_modules(
        self, memo: set[Any] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """This module (named `prefix`) and all below it, with their dotted names.

        Args:
            memo: modules that are left out; those that come are added to it.
            remove_duplicate: False: what has two names comes twice.
        """
        if not remove_duplicate:
            yield from named_with_repeats(self, prefix, _modules_of)
            return
        for name, module in named(self, prefix, _modules_of):
            if memo is None:
                yield name, module
            elif module not in memo:
                memo.add(module)
                yield name, module

    def modules(self) -> Iterator[Module]:
        """This module and all below it."""
        return (module for _, module in self.named_modules())

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The modules directly below this one, with their names."""
        return members([("", self)], _modules_of)

    def children(self) -> Iterator[Module]:
        """The modules directly below this one."""
        return (module for _, module in self.named_children())

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their dotted names: those below as well, if `recurse`.

        With `remove_duplicate=False` one that has two names comes twice.
        """
        holders = self._holders(prefix, recurse, remove_duplicate)
        return members(holders, lambda module: module._parameters, repeats=not remove_duplicate)

    def _holders(
        self, prefix: str, recurse: bool, remove_duplicate: bool
    ) -> Iterable[tuple[str, Module]]:
        if not recurse:
            return [(prefix, self)]
        return self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Parameters, as an optimizer wants them."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their dotted names, likewise."""
        holders = self._holders(prefix, recurse, remove_duplicate)
        return members(holders, lambda module: module._buffers, repeats=not remove_duplicate)

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Buffers: tensors that belong to the state but are not trained."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def get_submodule(self, target: str) -> Module:
        """The module with the dotted name `target`; an empty name is this module.

        Raises:
            UnknownName: there is none.
        """
        return found(dict(self.named_modules()), target, "get_submodule: no module", self)

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Put `module` in the place of the one with the dotted name `target`.

        Args:
            strict: there must be one already.
        """
        path, _, name = target.rpartition(".")
        holder = self.get_submodule(path)
        if strict and name not in holder._modules:
            self.get_submodule(target)
        if name in holder._modules:
            setattr(holder, name, module)
        else:
            holder.add_module(name, module)

    def get_parameter(self, target: str) -> Parameter:
        """The parameter with the dotted name `target`.

        Raises:
            UnknownName: there is none.
        """
        return found(dict(self.named_parameters()), target, "get_parameter: no parameter", self)

    def get_buffer(self, target: str) -> Tensor:
        """The buffer with the dotted name `target`.

        Raises:
            UnknownName: there is none.
        """
        return found(dict(self.named_buffers()), target, "get_buffer: no buffer", self)

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` on every module, children before their parents. Returns self."""
        for child in self.children():
            child.apply(fn)
        fn(self)
        return self

    # Settings of everything below

    def train(self, mode: bool = True) -> Self:
        """Set this module and all below it to training (or, with False, to evaluation)."""
        if not isinstance(mode, bool):
            raise DTypeError(explain("train: mode is not a bool", got=repr(mode)))
        for module in self.modules():
            if module.__dict__.get("training", mode) is not mode:  # compiled ones have none
                note_setting(module, "training", mode)
                module.__dict__["training"] = mode
        return self

    def eval(self) -> Self:
        """Set this module and all below it to evaluation: no dropout."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Train these parameters, or (False) freeze them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters, or (`set_to_none=False`) make them zero."""
        for parameter in self.parameters():
            clear_grad(parameter, set_to_none)

    def to(
        self,
        *args: Any,
        device: Any = None,
        dtype: Any = None,
        non_blocking: bool = False,
        memory_format: Any = None,
    ) -> Self:
        """Convert floating parameters and buffers, in place: `to(dtype)`, `to("cpu", dtype)`.

        There is one device, so that naming it changes nothing; a tensor stands for its type.
        """
        wanted = type_to_convert_to(f"{type(self).__name__}.to", args, device, dtype)
        if wanted is None:
            return self
        if any(type(m)._apply is not Module._apply for m in self.modules()):
            self._apply(lambda t: t.to(wanted) if t.dtype.is_floating_point else t)
        else:
            self._convert(wanted)
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Put `fn(tensor)` in the place of all parameters, gradients and buffers.

        A class that holds other tensors may define it, and change them too.
        """
        for module in self.children() if recurse else ():
            module._apply(fn)
        for held in [p for p in self._parameters.values() if p is not None]:
            held.data = fn(held.detach())
            if held.grad is not None:
                held.grad.data = fn(held.grad.detach())
        for name, tensor in list(self._buffers.items()):
            if tensor is not None:
                setattr(self, name, fn(tensor))
        return self

    def _convert(self, dtype: DType) -> None:
        """Give parameters another type, and put other tensors in the place of buffers."""
        for tensor in self.parameters():
            if tensor.dtype is not dtype:
                tensor.data = tensor.detach().to(dtype)
                if tensor.grad is not None:
                    tensor.grad.data = tensor.grad.detach().to(dtype)
        for module in self.modules():
            for name, tensor in list(module._buffers.items()):
                if tensor is not None and tensor.dtype.is_floating_point:
                    setattr(module, name, tensor.to(dtype))

    def cpu(self) -> Self:
        """Nothing: everything lies there."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """An error: there is no GPU."""
        raise DeviceError(no_gpu(f"{type(self).__name__}.cuda(): there is no GPU"))

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and buffers to a floating type."""
        return self.to(named_type(dst_type))

    def half(self) -> Self:
        """Convert floating parameters and buffers to float16."""
        return self.to(float16)

    def bfloat16(self) -> Self:
        """Convert floating parameters and buffers to bfloat16."""
        return self.to(bfloat16)

    def float(self) -> Self:
        """Convert floating parameters and buffers to float32."""
        return self.to(float32)

    def double(self) -> Self:
        """Convert floating parameters and buffers to float64."""
        return self.to(float64)

    def compile(self, *args: Any, **options: Any) -> None:
        """Nothing: what a module computes is compiled as it is computed."""

    def share_memory(self) -> Self:
        """Nothing: threads share all memory, and there are no other processes."""
        return self

    def to_empty(self, *, device: Any = None, recurse: bool = True) -> Self:
        """Leave everything where it is, which is the CPU's memory."""
        check_device(f"{type(self).__name__}.to_empty", device)
        return self

    def _get_name(self) -> str:
        return type(self).__name__

    def _compiled_with(self, compiled: Callable[..., Any]) -> CompiledModule:
        """What `zincir.compile` returns for this module."""
        return CompiledModule(self, compiled)

    # Looks

    def extra_repr(self) -> str:
        """What stands between the brackets of this layer's line."""
        return ""

    def __repr__(self) -> str:
        lines = self.extra_repr().splitlines()
        if not self._modules:
            inner = lines[0] if len(lines) == 1 else indented(lines)
            return f"{type(self).__name__}({inner})"
        for name, child in self._modules.items():
            first, *rest = repr(child).splitlines()
            lines += [f"({name}): {first}", *rest]
        return f"{type(self).__name__}({indented(lines)})"

    def __dir__(self) -> list[str]:
        return sorted({*dir(type(self)), *self.__dict__})


class CompiledModule(Module):
    """A module whose calls are recorded and replayed; all else is the module's own.

    Its parameters have the names that PyTorch gives them: those of the module behind `_orig_mod`.

    Example:
        >>> import zincir
        >>> from zincir import nn
        >>> net = zincir.compile(nn.Linear(2, 1))
        >>> [name for name, _ in net.named_parameters()]
        ['_orig_mod.weight', '_orig_mod.bias']
        >>> net.eval()(zincir.ones(3, 2)).shape, net.in_features
        ((3, 1), 2)
    """

    def __init__(self, module: Module, compiled: Callable[..., Any]) -> None:
        super().__init__()
        del self.training  # that of the module
        self._orig_mod = module
        self.__dict__["_call"] = compiled

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._has_hooks():
            note_module(self)
            return self._run_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Replay what the module does."""
        return self.__dict__["_call"](*args, **kwargs)

    _asks = False  # it keeps the module as an attribute

    # Whatever it does not have, it hands on.
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or "_orig_mod" not in self.__dict__:
            raise AttributeError(name)
        return getattr(self.__dict__["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_orig_mod" or "_orig_mod" not in self.__dict__:
            super().__setattr__(name, value)
        else:
            setattr(self._orig_mod, name, value)

    def train(self, mode: bool = True) -> Self:
        """Set the module, and all below it, to training (or to evaluation)."""
        self._orig_mod.train(mode)
        return self

    def __repr__(self) -> str:
        return f"{type(self).__name__}(\n  (_orig_mod): {self._orig_mod!r}\n)"


def clear_grad(parameter: Tensor, set_to_none: bool) -> None:
    """Take the gradient of a tensor away, or fill it with zeros."""
    if set_to_none:
        parameter.grad = None
    elif parameter.grad is not None:
        with no_grad():
            parameter.grad.detach_().zero_()
        if parameter._touched is not None:
            clear_grad(parameter._touched, set_to_none)


def _modules_of(module: Module) -> dict[str, Module | None]:
    return module._modules


_KINDS = (
    "_parameters",
    "_buffers",
    "_modules",
    "_forward_pre_hooks",
    "_forward_hooks",
    "_backward_pre_hooks",
    "_backward_hooks",
    "_state_hooks",
)
_HELD: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "_parameters": ("a Parameter or None", lambda v: v is None or isinstance(v, Parameter)),
    "_modules": ("a Module or None", lambda v: v is None or isinstance(v, Module)),
    "_buffers": ("a Tensor or None", lambda v: v is None or isinstance(v, Tensor)),
}


def _check_kind(kind: str, name: str, value: Any) -> None:
    wanted, fits = _HELD[kind]
    if fits(value):
        return
    remedy = ""
    if kind == "_parameters" and isinstance(value, Tensor):
        remedy = f"nn.Parameter(tensor), or module.{name}.copy_(tensor) under no_grad()"
    raise DTypeError(
        explain(
            f"cannot assign to {name!r}",
            where=describe(here()),
            expected=wanted,
            got=f"{type(value).__name__}",
            try_=remedy,
        )
    )


def indented(lines: list[str]) -> str:
    """Lines of a representation, one below the other."""
    return "\n  " + "\n  ".join(lines) + "\n" if lines else ""
