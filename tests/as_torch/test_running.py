"""`zincir run`: a script is what it is under Python, but that `torch` is Zincir."""

import re
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from as_torch.scripts_run import run


def test_names_arguments_and_neighbours(tmp_path: Path) -> None:
    (tmp_path / "beside.py").write_text("import torch\nzero = torch.zeros(1)\n")
    source = """
import sys, pickle, os
import torch
import beside
class Thing:
    pass
copy = pickle.loads(pickle.dumps(Thing()))
print(__name__, sys.argv, os.path.basename(__file__), sys.path[0] == os.path.dirname(__file__))
print(sys.modules["__main__"].Thing is type(copy), __spec__, __package__, beside.zero.dtype)
print(torch.nn.Linear.__module__.partition(".")[0], torch.Tensor is sys.modules["zincir"].Tensor)
"""
    out = run("--lr", "1", "-m", "x", cwd=tmp_path, source=source)
    assert out.stderr == ""
    assert out.stdout.splitlines() == [
        "__main__ ['script.py', '--lr', '1', '-m', 'x'] script.py True",
        "True None None torch.float32",
        "zincir True",
    ]


ENDS = {
    "raise": "def f():\n    raise KeyError('k')\nf()\n",
    "chain": "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('v') from e\n",
    "exit": "import sys\nsys.exit(3)\n",
    "text": "import sys\nsys.exit('over')\n",
    "syntax": "x = (1\ny = 2\n",
    "hook": "import sys\nsys.excepthook = lambda k, v, t: print(k, t.tb_lineno)\n1 / 0\n",
    "late": "import atexit\natexit.register(print, 'at exit')\nraise SystemExit\n",
    "group": "raise ExceptionGroup('g', [ValueError('a'), TypeError('b')])\n",
}


@pytest.mark.parametrize("kind", ENDS)
def test_the_end_is_that_of_python(kind: str, tmp_path: Path) -> None:
    ours = run(cwd=tmp_path, source=ENDS[kind])
    python = run(cwd=tmp_path, source=ENDS[kind], zincir=False)
    assert (ours.returncode, ours.stdout) == (python.returncode, python.stdout)
    # Of the file's name, Python shows what it was called by and we the whole.
    assert ours.stderr.replace(f"{tmp_path}/", "") == python.stderr.replace(f"{tmp_path}/", "")


def test_interrupted(tmp_path: Path) -> None:
    source = """
import os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background, it is ignored
os.kill(os.getpid(), signal.SIGINT)
"""
    ours, python = (run(cwd=tmp_path, source=source, zincir=z) for z in (True, False))
    assert ours.returncode == python.returncode
    assert "zincir" not in ours.stderr
    assert ours.stderr.splitlines()[-1] == "KeyboardInterrupt"


def test_standard_input_and_modules(tmp_path: Path) -> None:
    out = run("-", "a", cwd=tmp_path, stdin="import sys, torch\nprint(sys.argv, torch.ones(1))\n")
    assert out.stdout == "['-', 'a'] tensor([1.])\n", out.stderr
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("")
    (tmp_path / "package/train.py").write_text(
        "import sys\nprint(__name__, __spec__.name, sys.argv[1:])\n"
    )
    (tmp_path / "package/__main__.py").write_text("from . import train\nprint(__package__)\n")
    out = run("-m", "package.train", "--x", cwd=tmp_path)
    assert out.stdout == "__main__ package.train ['--x']\n", out.stderr
    assert run("-m", "package", cwd=tmp_path).stdout.endswith("package\n")


def test_a_script_that_is_not_there(tmp_path: Path) -> None:
    out = run("nothing.py", cwd=tmp_path)
    assert out.returncode == 2
    assert out.stderr == "zincir run: can't open file 'nothing.py': No such file or directory\n"


def test_what_prints_prints_as_pytorch_does(tmp_path: Path) -> None:
    source = """
import torch
print(torch.ones(1, dtype=torch.float64), torch.float32, torch.zeros(2, 3).shape, torch.strided)
print(torch.zeros(2, 3).size(), repr(torch.device("cpu")), torch.channels_last, torch.Size([]))
"""
    out = run(cwd=tmp_path, source=source)
    assert out.stdout.splitlines() == [
        "tensor([1.], dtype=torch.float64) torch.float32 torch.Size([2, 3]) torch.strided",
        "torch.Size([2, 3]) device(type='cpu') torch.channels_last torch.Size([])",
    ]


def test_missing_names(tmp_path: Path) -> None:
    source = """
import importlib.util
import torch
print(hasattr(torch, "nothing"), getattr(torch.nn, "Nothing", None))
try:
    from torch.nn import Liner
except ImportError as error:
    print(error)
try:
    import torch.nothing
except ModuleNotFoundError as error:
    print(str(error).splitlines()[0])
print(importlib.util.find_spec("torch.nothing"), importlib.util.find_spec("torch.nn").name)
print(importlib.util.find_spec("torchvision"))
try:
    import torchvision
except ImportError as error:
    print(str(error).splitlines()[0])
torch.nn.functional.softmaks
"""
    out = run(cwd=tmp_path, source=source)
    assert out.stdout.splitlines() == [
        "False None",
        "Zincir has no torch.nn.Liner",
        f"  where     {tmp_path}/script.py:6",
        "  try       torch.nn.Linear",
        "Zincir has no torch.nothing",
        "None torch.nn",
        "None",
        "torchvision cannot be imported: it extends PyTorch's own binaries",
    ]
    assert out.returncode == 1
    assert re.search(r"script.py:19\n  try +torch.nn.functional.softmax\b", out.stderr)


def test_a_stranger_in_plain_python(tmp_path: Path) -> None:
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision/__init__.py").write_text("import torch\nfrom . import datasets\n")
    (tmp_path / "torchvision/datasets.py").write_text("from torch.utils.data import Dataset\n")
    source = "from torchvision import datasets\nprint(datasets.Dataset.__module__)\n"
    out = run(cwd=tmp_path, source=source)
    assert out.stdout == "zincir.utils.data.dataset\n", out.stderr
    (tmp_path / f"torchvision/_C{EXTENSION_SUFFIXES[0]}").write_text("")
    assert "extends PyTorch's own binaries" in run(cwd=tmp_path, source=source).stderr


def test_real_torch_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("here = True\n")
    source = """
import torch, zincir
try:
    zincir.install_as_torch()
except ValueError as error:
    print(error)
del torch
"""
    (tmp_path / "script.py").write_text(source)
    out = run("script.py", cwd=tmp_path, zincir=False)
    first, *_, try_ = out.stdout.splitlines()
    assert first == "install_as_torch: PyTorch is imported already"
    assert "zincir run" in try_


def test_names_of_pytorch(tmp_path: Path) -> None:
    source = """
import torch
import torch.nn as nn, torch.nn.functional as F, torch.optim as optim
import torch.backends.cudnn as cudnn
import torch.utils.tensorboard, torch.multiprocessing as mp, torch.distributed as dist
from torch import Tensor, nn, optim
from torch.nn import *
from torch.nn import Parameter, Module, init
from torch.nn.parameter import Parameter as P
from torch.nn.modules.utils import _pair, _ntuple
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.conv import _ConvNd, Conv2d
from torch.nn.modules.loss import _Loss
from torch.nn.parallel import DataParallel, DistributedDataParallel as DDP
from torch.optim.optimizer import Optimizer, required
from torch.optim.adam import Adam
from torch.autograd import Variable, Function, gradcheck, grad
from torch.cuda.amp import autocast, GradScaler
from torch.utils.tensorboard import SummaryWriter
assert P is Parameter is nn.Parameter and Adam is optim.Adam and Conv2d is nn.Conv2d
assert isinstance(nn.BatchNorm1d(2), _BatchNorm) and isinstance(nn.Conv1d(2, 2, 1), _ConvNd)
assert isinstance(nn.ConvTranspose2d(1, 1, 1), _ConvNd) and isinstance(nn.MSELoss(), _Loss)
assert callable(torch.autograd.gradcheck) and _pair(3) == (3, 3) and _pair([1, 2]) == (1, 2)
assert torch.nn is nn and torch.nn.functional is F and torch.relu and Linear is nn.Linear
import torch.autograd.gradcheck
assert callable(torch.autograd.gradcheck)
cudnn.benchmark = torch.backends.cudnn.deterministic = True
torch.backends.cuda.matmul.allow_tf32 = True
assert not torch.cuda.is_available() and not torch.backends.mps.is_available()
assert torch.cuda.device_count() == 0
assert not torch.accelerator.is_available() and torch.accelerator.current_accelerator() is None
torch.manual_seed(1); torch.cuda.manual_seed(1); torch.cuda.manual_seed_all(1)
torch.cuda.empty_cache(); torch.cuda.synchronize()
assert torch.cuda.max_memory_allocated() == 0 and torch.version.cuda is None
assert not torch.jit.is_scripting() and torch.fx.wrap("len") == "len"
assert torch.compile(nn.Linear(1, 1)).weight.shape == (1, 1) and torch.compile()(len) is len
assert tuple(map(int, torch.__version__.split("+")[0].split("."))) >= (2, 0)
device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
net = nn.Linear(2, 3).to(device)
x = torch.ones(4, 2, device=device).to(device, non_blocking=True).cpu()
assert x.device == device and not x.is_cuda and x.device.type == "cpu" and x.get_device() == -1
assert nn.DataParallel(net)(x).shape == (4, 3)
dist.init_process_group("gloo", rank=0, world_size=1)
assert DDP(net)(x).shape == (4, 3) and dist.get_world_size() == 1 and dist.get_rank() == 0
dist.all_reduce(x); dist.barrier(); dist.destroy_process_group()
print("done")
"""
    out = run(cwd=tmp_path, source=source)
    assert out.stdout == "done\n", out.stderr
