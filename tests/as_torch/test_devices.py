"""Devices, sizes and typed tensors, as scripts ask for them."""

import copy
import operator
import pickle
from array import array
from collections import deque

import numpy as np
import pytest

import zincir
from zincir import nn
from zincir.as_torch import cuda
from zincir.as_torch.autograd import Variable
from zincir.as_torch.typed_tensors import GPU_TYPES, TYPES
from zincir.errors import ArgumentError, DeviceError, DTypeError

CPU = zincir.device("cpu")


def test_device() -> None:
    assert zincir.device("cuda", 1) == zincir.device("cuda:1") != zincir.device("cuda")
    assert zincir.device(type="cpu") == CPU == zincir.device(CPU)
    assert CPU != "cpu"
    assert (repr(CPU), str(CPU), CPU.type, CPU.index) == ("device(type='cpu')", "cpu", "cpu", None)
    assert repr(zincir.device("cpu:0")) == "device(type='cpu', index=0)"
    assert {CPU: 1}[zincir.device("cpu")] == 1
    assert pickle.loads(pickle.dumps(CPU)) == copy.deepcopy(CPU) == CPU
    with zincir.device("cpu"):
        assert zincir.zeros(1).device == zincir.get_default_device() == CPU
    zincir.set_default_device("cpu")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: zincir.device("gpu"), "no device is called 'gpu'"),
        (lambda: zincir.device("cuda:x"), "invalid device string"),
        (lambda: zincir.device("cuda:0", 1), "invalid device string"),
    ],
)
def test_devices_that_have_no_name(make, words: str) -> None:
    with pytest.raises(ArgumentError, match=words):
        make()


x = zincir.zeros(2)


@pytest.mark.parametrize(
    "ask",
    [
        lambda: x.to("cuda"),
        lambda: x.to(zincir.device("cuda:0")),
        lambda: x.cuda(),
        lambda: zincir.zeros(2, device="cuda"),
        lambda: zincir.Tensor(2, device="mps"),
        lambda: nn.Linear(1, 1, device="cuda"),
        lambda: nn.Linear(1, 1).to("cuda"),
        lambda: nn.Linear(1, 1).cuda(),
        lambda: x.pin_memory(),
        lambda: zincir.device(0),
        lambda: zincir.set_default_device("cuda"),
        lambda: zincir.device("meta").__enter__(),
        lambda: cuda.set_device(0),
        lambda: cuda.current_device(),
        lambda: cuda.device(0).__enter__(),
        lambda: cuda.Stream(),
        lambda: GPU_TYPES["FloatTensor"](2),
    ],
)
def test_no_gpu_is_one_clear_error(ask) -> None:
    with pytest.raises((DeviceError, DTypeError), match=r"try +device = 'cpu', or ask"):
        ask()


def test_size() -> None:
    shape = zincir.zeros(2, 3, 4).shape
    assert type(shape) is zincir.Size
    assert shape == (2, 3, 4)
    assert shape.numel() == 24
    longer = operator.add(shape, (1,)), operator.add((1,), shape)
    assert [type(s) for s in (shape[1:], *longer, shape * 2)] == [zincir.Size] * 4
    assert longer == ((2, 3, 4, 1), (1, 2, 3, 4))
    assert shape[0] == 2
    assert hash(shape) == hash((2, 3, 4))
    assert repr(shape) == "(2, 3, 4)"
    assert type(pickle.loads(pickle.dumps(shape))) is zincir.Size
    assert zincir.Size() == ()
    assert zincir.Size(np.array([2, 3])).numel() == 6
    assert type(zincir.zeros(1).size()) is zincir.Size
    with pytest.raises(TypeError, match="item 1 is 'float'"):
        zincir.Size([2, 2.5])


def test_typed_tensors() -> None:
    float_, long, byte = (TYPES[n] for n in ("FloatTensor", "LongTensor", "ByteTensor"))
    assert float_(2, 3).shape == (2, 3)
    assert float_(zincir.Size([2, 3])).shape == (2, 3)
    assert float_((2, 3)).tolist() == [2.0, 3.0]
    assert float_(size=(2, 3)).shape == (2, 3)
    assert float_().shape == (0,)
    assert byte([True]).tolist() == [1]
    assert long([1.5, 2]).dtype is zincir.int64
    assert long([1.5, 2]).tolist() == [1, 2]
    assert float_(np.ones(3)).dtype is zincir.float32
    assert isinstance(zincir.ones(2), float_)
    assert not isinstance(zincir.ones(2), long)
    assert not isinstance(zincir.ones(2), GPU_TYPES["FloatTensor"])
    assert not isinstance(1.0, float_)
    assert zincir.ones(2).type(byte).type() == "torch.ByteTensor"
    assert str(float_) == "<class 'torch.FloatTensor'>"
    assert float_.dtype is zincir.float32
    one = zincir.ones(2)
    float_(one)[0] = 5.0
    assert one[0] == 5.0
    for bad in (lambda: long(one), lambda: float_(2.5)):
        with pytest.raises(TypeError):
            bad()


def test_variable() -> None:
    x = zincir.ones(2, requires_grad=True)
    v = Variable(x)
    assert not v.requires_grad
    assert v is not x
    assert Variable(x * 2, requires_grad=True).is_leaf
    v[0] = 3.0
    assert x[0] == 3.0
    assert isinstance(x, Variable)
    assert isinstance(nn.Parameter(x), Variable)
    with pytest.raises(TypeError, match="has to be a tensor"):
        Variable([1.0])


def test_resize() -> None:
    x = zincir.arange(6)
    assert x.resize_(2, 2) is x
    assert x.tolist() == [[0, 1], [2, 3]]
    assert x.resize_as_(zincir.zeros(5)).tolist() == [0, 1, 2, 3, 0]
    Variable(x)  # gone already
    assert x.resize_((1, 2)).shape == (1, 2)
    x.add_(1)
    assert x.tolist() == [[1, 2]]
    seen = x.view(-1)
    array = np.ones(3)
    for shared in (x, seen, zincir.from_numpy(array)):
        with pytest.raises(ArgumentError, match="memory is shared"):
            shared.resize_(7)
    assert x.resize_(1, 2) is x
    with pytest.raises(RuntimeError, match="require grad"):
        zincir.ones(2, requires_grad=True).resize_(1)
    del seen, shared
    assert x.resize_(1).tolist() == [1]


def test_new() -> None:
    x = zincir.zeros(2, dtype=zincir.int64)
    assert x.new(2, 3).shape == (2, 3)
    assert x.new([1, 2]).dtype is zincir.int64
    assert x.new(size=(1,)).shape == (1,)
    assert x.new().shape == (0,)


@pytest.mark.parametrize(
    "values", [range(1, 4), deque([1, 2, 3]), array("f", [1, 2, 3]), bytearray(b"\1\2\3")]
)
def test_typed_tensors_of_any_sequence(values) -> None:
    for name in ("FloatTensor", "LongTensor"):
        made = TYPES[name](values)
        assert made.tolist() == [1, 2, 3]
        assert made.dtype is TYPES[name].dtype
    with pytest.raises(DTypeError, match="a sequence"):
        TYPES["FloatTensor"]({1, 2})
