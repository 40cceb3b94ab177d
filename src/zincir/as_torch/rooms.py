"""Which modules of PyTorch there are, and which of ours each is made of.

A module of PyTorch is a view of one or several of ours; what stands first hides what follows.
"""

from __future__ import annotations

from importlib.util import find_spec

OWN = "zincir.as_torch"

ROOMS: dict[str, tuple[str, ...]] = {
    "torch": (
        f"{OWN}.root",
        f"{OWN}.layer_functions",
        f"{OWN}.losses",
        f"{OWN}.plain_functions",
        f"{OWN}.questions",
        f"{OWN}.lists_of_tensors",
        f"{OWN}.storages",
        "zincir",
    ),
    "torch.nn": (f"{OWN}.nn", "zincir.nn"),
    "torch.nn.modules": (f"{OWN}.nn_modules", f"{OWN}.nn", "zincir.nn"),
    "torch.nn.parallel": (f"{OWN}.parallel",),
    "torch.nn.parameter": ("zincir.nn",),
    "torch.autograd": (f"{OWN}.autograd", "zincir.autograd"),
    "torch.autograd.variable": (f"{OWN}.autograd",),
    "torch.autograd.function": (f"{OWN}.autograd", "zincir.autograd.function"),
    "torch.autograd.profiler": (f"{OWN}.profiler",),
    "torch.cuda.amp": (f"{OWN}.cuda_amp",),
    "torch.cuda.random": (f"{OWN}.cuda",),
    "torch.cuda.memory": (f"{OWN}.cuda",),
    "torch.cuda.amp.grad_scaler": (f"{OWN}.cuda_amp",),
    "torch.cuda.amp.autocast_mode": (f"{OWN}.cuda_amp",),
    "torch.amp.grad_scaler": (f"{OWN}.amp",),
    "torch.amp.autocast_mode": (f"{OWN}.amp",),
    "torch.utils": (f"{OWN}.toolbox", "zincir.utils"),
    "torch.utils.tensorboard": ("zincir.utils.tensorboard",),
    "torch.utils.tensorboard.writer": ("zincir.utils.tensorboard",),
    "torch.utils.model_zoo": (f"{OWN}.hub",),
    "torch.autograd.grad_mode": ("zincir.autograd",),
    "torch.types": (f"{OWN}.size_types", f"{OWN}.root", "zincir"),
    "torch.functional": (f"{OWN}.root", "zincir"),
    "torch.serialization": (f"{OWN}.serialization_types", "zincir.serialization"),
    "torch.torch_version": (f"{OWN}.version",),
    "torch._dynamo": (f"{OWN}.compiler",),
    "torch._dynamo.config": (f"{OWN}.compiler_settings",),
    "torch._dynamo.eval_frame": (f"{OWN}.compiler",),
    "torch._inductor": (f"{OWN}.compiler",),
    "torch._inductor.config": (f"{OWN}.compiler_settings",),
    "torch._functorch": (f"{OWN}.compiler",),
    "torch._functorch.config": (f"{OWN}.compiler_settings",),
    "torch._C": (f"{OWN}.native",),
    "torch._C._nn": (f"{OWN}.native_functions",),
    "torch._tensor": (f"{OWN}.native", "zincir"),
    "torch._utils": (f"{OWN}.flat_tensors",),
    "torch.cpu.amp": (f"{OWN}.cpu",),
    "torch.cuda.nvtx": (f"{OWN}.marks",),
    "torch.cuda.profiler": (f"{OWN}.marks",),
    "torch.cuda.streams": (f"{OWN}.cuda",),
    "torch.autograd.anomaly_mode": ("zincir.autograd",),
    "torch.distributed.nn": (f"{OWN}.distributed_nn",),
    "torch.distributed.nn.functional": (f"{OWN}.distributed_nn",),
    "torch.random": (f"{OWN}.random", "zincir.random"),
    "torch.utils.checkpoint": (f"{OWN}.checkpoint", "zincir.utils.checkpoint"),
    "torch.sparse": (f"{OWN}.sparse", "zincir.sparse"),
    "torch.nn.attention": (f"{OWN}.attention",),
    "torch.nn.common_types": (f"{OWN}.size_types",),
    "torch.nn.utils.stateless": ("zincir.func",),
    "torch.nn.parallel.distributed": (f"{OWN}.parallel",),
    "torch.nn.parallel.data_parallel": (f"{OWN}.parallel",),
    "torch.utils._pytree": (f"{OWN}.pytree",),
    "torch.utils.benchmark": (f"{OWN}.timing",),
    "torch.utils.data._utils": ("zincir.utils.data",),
    "torch.utils.data._utils.collate": ("zincir.utils.data.collate",),
    "torch.utils.flop_counter": (f"{OWN}.flops",),
    "torch.jit.annotations": ("typing",),
    "torch.optim.optimizer": (f"{OWN}.optimizer_words", "zincir.optim.optimizer", "zincir.optim"),
    "torch.utils.dlpack": ("zincir",),
    "torch.utils.hooks": ("zincir.hook_handle",),
    "torch.nn.grad": (f"{OWN}.nn_grad",),
    "torch.nn.init": (f"{OWN}.nn_init", "zincir.nn.init"),
    "torch.distributions.utils": (f"{OWN}.distribution_words",),
    "torch.distributions.studentT": ("zincir.distributions.student_t",),
    "torch.distributions.relaxed_categorical": (
        "zincir.distributions.relaxed_one_hot_categorical",
    ),
    "torch.distributed.distributed_c10d": (f"{OWN}.distributed",),
    "torch.distributed.constants": (f"{OWN}.distributed",),
    "torch.distributed.tensor": (f"{OWN}.distributed_kinds",),
    "torch.distributed._tensor": (f"{OWN}.distributed_kinds",),
    "torch.distributed.device_mesh": (f"{OWN}.distributed_kinds",),
    "torch.distributed.fsdp": (f"{OWN}.distributed_kinds",),
    "torch.distributed.fsdp.fully_sharded_data_parallel": (f"{OWN}.distributed_kinds",),
    "torch.distributed.optim": (f"{OWN}.distributed_optim",),
    "torch.distributed.algorithms": (f"{OWN}.distributed_join",),
    "torch.distributed.algorithms.join": (f"{OWN}.distributed_join",),
    "torch.storage": (f"{OWN}.storages",),
    "torch._jit_internal": (f"{OWN}.jit",),
    "torch.profiler.profiler": (f"{OWN}.profiler",),
}
"""Those that are not simply ours of the same name."""

NAMESAKES = ("nn", "optim", "linalg", "fft", "special", "distributions", "func", "random",
             "autograd", "utils", "sparse", "signal")  # fmt: skip
"""Packages of ours in which everything has the name it has in PyTorch."""

OF_PYTORCH_ALONE = (
    "accelerator", "amp", "backends", "compiler", "cpu", "cuda", "distributed", "fx", "hub", "jit",
    "mps", "multiprocessing", "onnx", "overrides", "profiler", "testing", "version", "xpu",
)  # fmt: skip
"""Modules below `torch` that are found here under their own names."""


def parts_of(name: str) -> tuple[str, ...]:
    """The modules of ours that `torch...` is a view of; none if there is no such module.

    >>> parts_of("torch.nn.functional")
    ('zincir.nn.functional',)
    >>> parts_of("torch.nn.modules.linear")
    ('zincir.as_torch.nn_modules', 'zincir.as_torch.nn', 'zincir.nn')
    >>> parts_of("torch.nothing")
    ()
    """
    known = ROOMS.get(name)
    if known is not None:
        return tuple(part for part in known if _exists(part))
    first, _, rest = name.removeprefix("torch.").partition(".")
    if first in OF_PYTORCH_ALONE:
        own = f"{OWN}.{first}.{rest}".rstrip(".")
        return (own,) if _exists(own) else ()
    if first == "nn" and rest.startswith("modules."):
        # PyTorch has a file for each family of layers, and scripts name them: one room for all.
        return ROOMS["torch.nn.modules"] if rest.removeprefix("modules.") in _FAMILIES else ()
    if first == "optim" and rest in _FILES_OF_OPTIM:
        return tuple(p for p in (f"zincir.optim.{rest}", "zincir.optim") if _exists(p))
    own = f"zincir.{first}.{rest}".rstrip(".")
    return (own,) if first in NAMESAKES and _exists(own) else ()


_FAMILIES = {
    "activation", "adaptive", "batchnorm", "container", "conv", "distance", "dropout", "flatten",
    "fold", "instancenorm", "lazy", "linear", "loss", "module", "normalization", "padding",
    "pixelshuffle", "pooling", "rnn", "sparse", "transformer", "upsampling", "utils",
}  # fmt: skip
_FILES_OF_OPTIM = {
    "adadelta", "adafactor", "adagrad", "adam", "adamax", "adamw", "asgd", "lbfgs", "nadam",
    "optimizer", "radam", "rmsprop", "rprop", "sgd", "sparse_adam",
}  # fmt: skip


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of what it lies in
        return False
