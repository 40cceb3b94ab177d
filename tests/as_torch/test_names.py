"""Modules and names that scripts reach for beside layers and operations."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import zincir
from as_torch.scripts_run import run
from zincir.as_torch import attention, layer_functions, overrides, pytree, questions, timing
from zincir.as_torch.flat_tensors import _flatten_dense_tensors, _unflatten_dense_tensors
from zincir.as_torch.rooms import parts_of
from zincir.as_torch.sparse import FloatTensor
from zincir.as_torch.version import TorchVersion, __version__
from zincir.errors import DTypeError
from zincir.nn import functional as F

SOURCE = """
import torch
import torch._dynamo, torch._inductor.config
import torch.backends.cudnn as cudnn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.common_types import _size_2_t
from torch.nn.parallel.distributed import DistributedDataParallel
from torch.serialization import add_safe_globals
from torch.torch_version import TorchVersion
from torch.types import Number
from torch.utils.benchmark import Timer
from torch.utils.data._utils.collate import default_collate
from torch.utils.hooks import RemovableHandle
torch._dynamo.config.suppress_errors = True
torch._inductor.config.coordinate_descent_tuning = True
from torch.distributed import nn as exchanges
from torch.utils.checkpoint import checkpoint, get_device_states, set_device_states
net = torch.nn.Linear(1, 1)
net.compile(mode="default")
x = torch.ones(1, requires_grad=True)
(exchanges.all_reduce(x) * 2 + exchanges.all_gather(x)[0]).backward()
assert x.grad.item() == 3.0 and x.is_cpu and get_device_states(x) == ([], [])
set_device_states([], [])
torch.manual_seed(0)
with torch.random.fork_rng(devices=[]):
    first = torch.rand(1)
assert torch.equal(first, torch.rand(1))
torch._C._jit_set_profiling_executor(False)
@torch.compiler.disable
def double(x):
    return 2 * x
@torch.compiler.disable(recursive=False)
def triple(x):
    return 3 * x
with sdpa_kernel(SDPBackend.MATH), torch.cpu.amp.autocast():
    print(double(1), triple(1), torch.compiler.is_compiling(), torch.is_autocast_cpu_enabled())
print(isinstance(torch.__version__, TorchVersion), torch.__version__ >= (2, 4), torch.e > 2.7)
print(torch.sparse.FloatTensor(torch.LongTensor([[0]]), torch.ones(1), torch.Size([2])).to_dense())
print(torch.functional.einsum("i,i", torch.ones(2), torch.ones(2)), default_collate([1, 2]))
with torch.cuda.nvtx.range("step"):
    torch.cuda.nvtx.mark("here")
"""


def test_modules(tmp_path: Path) -> None:
    out = run(cwd=tmp_path, source=SOURCE)
    assert out.stdout.splitlines() == [
        "2 3 False True",
        "True True True",
        "tensor([1., 0.])",
        "tensor(2.) tensor([1, 2])",
    ], out.stderr


def test_versions() -> None:
    assert __version__ == "2.13.0+zincir" != "2.13.0"
    assert TorchVersion("2.13.0") == "2.13" == TorchVersion("v2.13.0.0")
    assert TorchVersion("1.9.0") < "1.10" < TorchVersion("1.10.1")
    assert TorchVersion("2.0.0a0") < "2.0.0" < TorchVersion("2.0.0+cpu")
    assert TorchVersion("2.1.0") >= (2, 1) < TorchVersion("2.1.0.post1")
    assert not TorchVersion("2.1.0") > "nightly"
    assert parts_of("torch.nn.attention")
    assert not parts_of("torch.nn.attention.flex")


def test_layers_with_other_arguments() -> None:
    x = zincir.arange(12.0).reshape(2, 2, 3)
    weight, bias = zincir.tensor([1.0, 2.0]), zincir.tensor([0.5, 0.0])
    mean, var = zincir.zeros(2), zincir.ones(2)
    given = (x, weight, bias, mean, var)
    y = layer_functions.batch_norm(*given, False, 0.1, 1e-5, True)
    assert (y - F.batch_norm(x, mean, var, weight, bias)).abs().max().item() == 0
    y = layer_functions.instance_norm(*given, True, 0.1, 1e-5, True)
    z = F.instance_norm(x, zincir.zeros(2), zincir.ones(2), weight, bias)
    assert (y - z).abs().max().item() == 0
    y = layer_functions.group_norm(x, 2, weight, bias, cudnn_enabled=False)
    assert (y - F.group_norm(x, 2, weight, bias)).abs().max().item() == 0
    y = layer_functions.layer_norm(x, (3,), cudnn_enable=False)
    assert (y - F.layer_norm(x, (3,))).abs().max().item() == 0
    assert layer_functions.embedding(weight[:, None], zincir.tensor([1]), -1).item() == 2.0
    values, places = layer_functions.adaptive_max_pool1d(x, 1)
    assert (values[0, 0].item(), places[0, 0].item()) == (2.0, 2)
    assert layer_functions.max_pool1d_with_indices(x, 3)[1].flatten().tolist() == [2] * 4
    ones = zincir.ones(4)
    assert layer_functions.dropout_(ones, 1.0, True) is ones
    assert ones.tolist() == [0.0] * 4


def test_trees() -> None:
    tree = {"a": [zincir.ones(1), 2], "b": (3,)}
    leaves, form = pytree.tree_flatten(tree)
    assert form.num_leaves == 3
    assert form == pytree.tree_structure({"a": [1, 2], "b": (3,)}) != pytree.tree_structure([1])
    assert hash(form) == hash(pytree.tree_structure(tree))
    assert pytree.tree_unflatten(leaves, form)["b"] == (3,)
    assert pytree.tree_map_only(int, lambda n: -n, tree)["b"] == (-3,)
    assert pytree.tree_any(lambda n: n == 3, [1, (3,)])
    assert not pytree.tree_all(lambda n: n == 3, [1, (3,)])
    seen: list[int] = []
    pytree.tree_map_(seen.append, [1, {"x": 2}])
    assert seen == [1, 2]
    assert pytree.tree_structure(1).is_leaf()


def test_flat_tensors() -> None:
    tensors = [zincir.ones(2, 2), zincir.zeros(3)]
    flat = _flatten_dense_tensors(tensors)
    assert flat.tolist() == [1.0] * 4 + [0.0] * 3
    parts = _unflatten_dense_tensors(flat, tensors)
    assert [p.tolist() for p in parts] == [t.tolist() for t in tensors]


def test_timing() -> None:
    ticks = iter(range(1000))
    timer = timing.Timer("pass", timer=lambda: float(next(ticks)), label="nothing")
    measured = timer.timeit(2)
    assert (measured.raw_times, measured.mean, measured.median, measured.iqr) == ([1], 0.5, 0.5, 0)
    assert repr(measured).splitlines() == [
        "<Measurement> nothing",
        "  Median: 500.00 ms",
        "  1 measurement, 2 runs each",
    ]
    blocks = timer.blocked_autorange(min_run_time=3.0)
    assert blocks.times == [1.0, 1.0, 1.0]
    assert timer.adaptive_autorange(min_run_time=4.0).iqr == 0.0


def test_questions() -> None:
    assert questions.can_cast(zincir.bool, zincir.uint8)
    assert not questions.can_cast(zincir.complex64, zincir.float64)
    assert not questions.is_anomaly_enabled()
    with zincir.autograd.detect_anomaly():
        assert questions.is_anomaly_enabled()
    assert questions.get_autocast_dtype("cuda") is zincir.float16
    assert not overrides.has_torch_function((zincir.ones(1),))
    assert overrides.is_tensor_like(zincir.ones(1))
    assert not overrides.is_tensor_like(SimpleNamespace())
    half = zincir.ones(2).to_sparse()
    assert isinstance(half, FloatTensor)
    assert not isinstance(zincir.ones(2), FloatTensor)


def test_kernels_of_attention_are_named_rightly() -> None:
    with pytest.raises(DTypeError, match="SDPBackend"), attention.sdpa_kernel("math"):
        pass


LIBRARIES = """
import torch
from torch import ScriptModule, UntypedStorage
from torch.distributed.algorithms.join import Join
from torch.distributed.constants import default_pg_timeout
from torch.distributed.optim import ZeroRedundancyOptimizer
from torch.distributed.tensor import DTensor
from torch.distributions.constraints import __all__ as regions
from torch.distributions.utils import lazy_property, broadcast_all, euler_constant
from torch.jit.annotations import List
from torch.nn.init import _calculate_fan_in_and_fan_out
from torch.optim.optimizer import ParamsT, _use_grad_for_differentiable
from torch.utils.data.dataloader import _BaseDataLoaderIter
from torch.utils._pytree import SUPPORTED_NODES, LeafSpec, TreeSpec

assert torch.distributed.Backend("GLOO") == "gloo"
assert "positive" in regions and hasattr(torch.distributions.constraints, "positive")
assert _calculate_fan_in_and_fan_out(torch.zeros(3, 2, 5)) == (10, 15)
assert not isinstance(torch.nn.Linear(1, 1), (ScriptModule, DTensor))
assert isinstance(torch.ones(2).untyped_storage(), UntypedStorage)
assert torch._C._nn._parse_to("cpu", torch.float64)[:2] == (torch.device("cpu"), torch.float64)
assert torch.ones(2, dtype=torch.int32).type(torch.Tensor).dtype is torch.float32
assert (1 if torch.tensor(float("nan")) > 0 else -1) == -1
for refused in (DTensor, torch.FloatStorage, lambda: torch.distributed.send(torch.ones(1))):
    try:
        refused()
    except Exception as error:
        assert "one process" in str(error) or "several" in str(error) or "memory" in str(error)
    else:
        raise AssertionError(refused)

class Counts(torch.optim.Optimizer):
    @_use_grad_for_differentiable
    def step(self):
        assert not torch.is_grad_enabled()

Counts([torch.ones(1)], {}).step()
print("fine")
"""


def test_names_that_libraries_use(tmp_path: Path) -> None:
    path = tmp_path / "libraries.py"
    path.write_text(LIBRARIES)
    done = subprocess.run(
        [sys.executable, "-m", "zincir", "run", str(path)], capture_output=True, text=True
    )
    assert done.stdout == "fine\n", done.stderr


def test_a_bar_of_progress_as_hub_has_it(capsys):
    from zincir.as_torch.hub import _Bar

    bar = _Bar([1, 2], desc="train")
    seen = []
    for item in bar:
        seen.append(item)
        bar.set_postfix({"loss": 0.5}, step=item)
    assert seen == [1, 2]
    assert len(bar) == 2
    assert (
        capsys.readouterr().err == "\rtrain: 50.0% loss=0.5 step=1\rtrain: 100.0% loss=0.5 step=2\n"
    )
    with _Bar(total=3, disable=True) as silent:
        silent.update(2)
    assert silent.n == 2
    assert capsys.readouterr().err == ""


def test_rare_names(tmp_path):
    source = """
import torch
from torch.signal.windows import hann
from torch.nn.grad import conv2d_weight
from torch.nn.modules.utils import consume_prefix_in_state_dict_if_present
assert torch.signal.windows.hann(4).tolist() == hann(4).tolist()
assert not torch.backends.opt_einsum.is_available() and not torch.cuda._initialized
assert issubclass(torch.cuda.OutOfMemoryError, RuntimeError)
assert torch.OutOfMemoryError is torch.cuda.OutOfMemoryError
torch._assert(torch.is_nonzero(torch.tensor(1)), "is one")
zeros = torch.zeros(2)
print(torch.kl_div(zeros, zeros).item(), torch.frombuffer(b"a", dtype=torch.uint8))
"""
    done = run(cwd=tmp_path, source=source)
    assert done.stderr == ""
    assert done.stdout == "0.0 tensor([97], dtype=torch.uint8)\n"
