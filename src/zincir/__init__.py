"""Neural networks by back-propagation: PyTorch's names, whole training steps in native code."""

from math import inf as inf, nan as nan, pi as pi

from zincir import (
    autograd as autograd,
    data as data,
    linalg as linalg,
    models as models,
    nn as nn,
    optim as optim,
)
from zincir.autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from zincir.creation import (
    arange as arange,
    as_tensor as as_tensor,
    asarray as asarray,
    empty as empty,
    empty_like as empty_like,
    eye as eye,
    from_dlpack as from_dlpack,
    from_numpy as from_numpy,
    full as full,
    full_like as full_like,
    get_default_dtype as get_default_dtype,
    linspace as linspace,
    logspace as logspace,
    ones as ones,
    ones_like as ones_like,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from zincir.functional import (
    bitwise_and as bitwise_and,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors,
    cat as cat,
    cdist as cdist,
    concat as concat,
    concatenate as concatenate,
    einsum as einsum,
    hstack as hstack,
    is_floating_point as is_floating_point,
    is_tensor as is_tensor,
    matmul as matmul,
    meshgrid as meshgrid,
    nonzero as nonzero,
    pow as pow,
    promote_types as promote_types,
    result_type as result_type,
    stack as stack,
    vstack as vstack,
    where as where,
)
from zincir.generator import Generator as Generator
from zincir.random import (
    bernoulli as bernoulli,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    multinomial as multinomial,
    normal as normal,
    rand as rand,
    rand_like as rand_like,
    randint as randint,
    randint_like as randint_like,
    randn as randn,
    randn_like as randn_like,
    randperm as randperm,
    seed as seed,
    set_rng_state as set_rng_state,
)
from zincir.runtime.memory import empty_cache as empty_cache
from zincir.runtime.team import (
    get_num_threads as get_num_threads,
    set_num_threads as set_num_threads,
)
from zincir.step import compile as compile
from zincir.tensor import Tensor as Tensor
from zincir.types import (
    DType as DType,
    bool_ as bool_,
    float32 as float32,
    float64 as float64,
    int32 as int32,
    int64 as int64,
    uint8 as uint8,
)

Size = tuple
dtype = DType
bool = bool_
int = int32
long = int64
float = float32
double = float64

# Methods of Tensor as functions

abs = Tensor.abs
absolute = Tensor.absolute
acos = Tensor.acos
add = Tensor.add
addcdiv = Tensor.addcdiv
addcmul = Tensor.addcmul
addmm = Tensor.addmm
all = Tensor.all
allclose = Tensor.allclose
amax = Tensor.amax
amin = Tensor.amin
any = Tensor.any
argmax = Tensor.argmax
argmin = Tensor.argmin
argsort = Tensor.argsort
asin = Tensor.asin
atan = Tensor.atan
baddbmm = Tensor.baddbmm
bitwise_not = Tensor.bitwise_not
bmm = Tensor.bmm
broadcast_to = Tensor.broadcast_to
ceil = Tensor.ceil
chunk = Tensor.chunk
clamp = Tensor.clamp
clip = Tensor.clip
clone = Tensor.clone
cos = Tensor.cos
cosh = Tensor.cosh
count_nonzero = Tensor.count_nonzero
cumprod = Tensor.cumprod
cumsum = Tensor.cumsum
diag = Tensor.diag
diagonal = Tensor.diagonal
div = Tensor.div
divide = Tensor.divide
dot = Tensor.dot
eq = Tensor.eq
equal = Tensor.equal
erf = Tensor.erf
exp = Tensor.exp
exp2 = Tensor.exp2
expm1 = Tensor.expm1
flatten = Tensor.flatten
flip = Tensor.flip
floor = Tensor.floor
floor_divide = Tensor.floor_divide
fmod = Tensor.fmod
gather = Tensor.gather
ge = Tensor.ge
gt = Tensor.gt
index_add = Tensor.index_add
index_copy = Tensor.index_copy
index_fill = Tensor.index_fill
index_put = Tensor.index_put
index_select = Tensor.index_select
isclose = Tensor.isclose
isfinite = Tensor.isfinite
isinf = Tensor.isinf
isnan = Tensor.isnan
le = Tensor.le
lerp = Tensor.lerp
log = Tensor.log
log10 = Tensor.log10
log1p = Tensor.log1p
log2 = Tensor.log2
log_softmax = Tensor.log_softmax
logical_and = Tensor.logical_and
logical_not = Tensor.logical_not
logical_or = Tensor.logical_or
logical_xor = Tensor.logical_xor
logsumexp = Tensor.logsumexp
lt = Tensor.lt
masked_fill = Tensor.masked_fill
masked_select = Tensor.masked_select
max = Tensor.max
maximum = Tensor.maximum
mean = Tensor.mean
min = Tensor.min
minimum = Tensor.minimum
mm = Tensor.mm
moveaxis = Tensor.moveaxis
movedim = Tensor.movedim
mul = Tensor.mul
multiply = Tensor.multiply
mv = Tensor.mv
narrow = Tensor.narrow
ne = Tensor.ne
neg = Tensor.neg
negative = Tensor.negative
norm = Tensor.norm
numel = Tensor.numel
outer = Tensor.outer
permute = Tensor.permute
prod = Tensor.prod
ravel = Tensor.ravel
reciprocal = Tensor.reciprocal
relu = Tensor.relu
remainder = Tensor.remainder
repeat_interleave = Tensor.repeat_interleave
reshape = Tensor.reshape
roll = Tensor.roll
round = Tensor.round
rsqrt = Tensor.rsqrt
scatter = Tensor.scatter
scatter_add = Tensor.scatter_add
scatter_reduce = Tensor.scatter_reduce
select = Tensor.select
sigmoid = Tensor.sigmoid
sign = Tensor.sign
sin = Tensor.sin
sinh = Tensor.sinh
softmax = Tensor.softmax
sort = Tensor.sort
split = Tensor.split
sqrt = Tensor.sqrt
square = Tensor.square
squeeze = Tensor.squeeze
std = Tensor.std
sub = Tensor.sub
subtract = Tensor.subtract
sum = Tensor.sum
swapaxes = Tensor.swapaxes
swapdims = Tensor.swapdims
t = Tensor.t
take = Tensor.take
take_along_dim = Tensor.take_along_dim
tan = Tensor.tan
tanh = Tensor.tanh
tile = Tensor.tile
topk = Tensor.topk
transpose = Tensor.transpose
tril = Tensor.tril
triu = Tensor.triu
true_divide = Tensor.true_divide
trunc = Tensor.trunc
unbind = Tensor.unbind
unflatten = Tensor.unflatten
unique = Tensor.unique
unsqueeze = Tensor.unsqueeze
var = Tensor.var
