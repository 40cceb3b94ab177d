"""Neural networks by back-propagation: PyTorch's names, whole training steps in native code."""

from math import inf as inf, nan as nan, pi as pi

from zincir import (
    autograd as autograd,
    data as data,
    distributions as distributions,
    linalg as linalg,
    models as models,
    nn as nn,
    optim as optim,
    safetensors as safetensors,
    serialization as serialization,
    utils as utils,
)
from zincir.as_torch import install_as_torch as install_as_torch
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
from zincir.device import (
    Device as Device,
    get_default_device as get_default_device,
    set_default_device as set_default_device,
)
from zincir.functional import (
    bitwise_and as bitwise_and,
    bitwise_or as bitwise_or,
    bitwise_xor as bitwise_xor,
    broadcast_shapes as broadcast_shapes,
    broadcast_tensors as broadcast_tensors,
    cat as cat,
    concat as concat,
    concatenate as concatenate,
    einsum as einsum,
    functions as _functions,
    hstack as hstack,
    is_floating_point as is_floating_point,
    is_tensor as is_tensor,
    matmul as matmul,
    meshgrid as meshgrid,
    pow as pow,
    promote_types as promote_types,
    result_type as result_type,
    rsub as rsub,
    stack as stack,
    vstack as vstack,
    where as where,
)
from zincir.generator import Generator as Generator
from zincir.limits import finfo as finfo, iinfo as iinfo
from zincir.measuring import (
    bucketize as bucketize,
    cdist as cdist,
    cumulative_trapezoid as cumulative_trapezoid,
    isin as isin,
    pdist as pdist,
    searchsorted as searchsorted,
    std_mean as std_mean,
    trapezoid as trapezoid,
    trapz as trapz,
    var_mean as var_mean,
)
from zincir.naming import (
    channels_last as channels_last,
    channels_last_3d as channels_last_3d,
    contiguous_format as contiguous_format,
    layout as layout,
    memory_format as memory_format,
    preserve_format as preserve_format,
    strided as strided,
)
from zincir.nn.functional.recurrent import (
    gru_cell as gru_cell,
    lstm_cell as lstm_cell,
    rnn_relu_cell as rnn_relu_cell,
    rnn_tanh_cell as rnn_tanh_cell,
)
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
from zincir.serialization import load as load, save as save
from zincir.size import Size as Size
from zincir.step import compile as compile
from zincir.tensor import Tensor as Tensor
from zincir.types import (
    DType as DType,
    bfloat16 as bfloat16,
    bool_ as bool_,
    float16 as float16,
    float32 as float32,
    float64 as float64,
    int8 as int8,
    int16 as int16,
    int32 as int32,
    int64 as int64,
    uint8 as uint8,
)

__version__ = "0.1.0"

dtype = DType
device = Device
bool = bool_
short = int16
int = int32
long = int64
half = float16
float = float32
double = float64

# Methods of Tensor as functions (`calling.py`)

abs = _functions.abs
absolute = _functions.absolute
acos = _functions.acos
add = _functions.add
addcdiv = _functions.addcdiv
addcmul = _functions.addcmul
addmm = _functions.addmm
all = _functions.all
allclose = _functions.allclose
amax = _functions.amax
amin = _functions.amin
aminmax = _functions.aminmax
any = _functions.any
argmax = _functions.argmax
argmin = _functions.argmin
argsort = _functions.argsort
argwhere = _functions.argwhere
asin = _functions.asin
atan = _functions.atan
baddbmm = _functions.baddbmm
bincount = _functions.bincount
bitwise_not = _functions.bitwise_not
bmm = _functions.bmm
broadcast_to = _functions.broadcast_to
ceil = _functions.ceil
chunk = _functions.chunk
clamp = _functions.clamp
clip = _functions.clip
clone = _functions.clone
cos = _functions.cos
cosh = _functions.cosh
count_nonzero = _functions.count_nonzero
cummax = _functions.cummax
cummin = _functions.cummin
cumprod = _functions.cumprod
cumsum = _functions.cumsum
diag = _functions.diag
diagonal = _functions.diagonal
diff = _functions.diff
dist = _functions.dist
div = _functions.div
divide = _functions.divide
dot = _functions.dot
eq = _functions.eq
equal = _functions.equal
erf = _functions.erf
exp = _functions.exp
exp2 = _functions.exp2
expm1 = _functions.expm1
flatten = _functions.flatten
flip = _functions.flip
floor = _functions.floor
floor_divide = _functions.floor_divide
fmod = _functions.fmod
gather = _functions.gather
ge = _functions.ge
gt = _functions.gt
histc = _functions.histc
histogram = _functions.histogram
index_add = _functions.index_add
index_copy = _functions.index_copy
index_fill = _functions.index_fill
index_put = _functions.index_put
index_select = _functions.index_select
isclose = _functions.isclose
isfinite = _functions.isfinite
isinf = _functions.isinf
isnan = _functions.isnan
kthvalue = _functions.kthvalue
le = _functions.le
lerp = _functions.lerp
log = _functions.log
log10 = _functions.log10
log1p = _functions.log1p
log2 = _functions.log2
log_softmax = _functions.log_softmax
logcumsumexp = _functions.logcumsumexp
logical_and = _functions.logical_and
logical_not = _functions.logical_not
logical_or = _functions.logical_or
logical_xor = _functions.logical_xor
logsumexp = _functions.logsumexp
lt = _functions.lt
masked_fill = _functions.masked_fill
masked_select = _functions.masked_select
max = _functions.max
maximum = _functions.maximum
mean = _functions.mean
median = _functions.median
min = _functions.min
minimum = _functions.minimum
mm = _functions.mm
mode = _functions.mode
moveaxis = _functions.moveaxis
movedim = _functions.movedim
msort = _functions.msort
mul = _functions.mul
multiply = _functions.multiply
mv = _functions.mv
nanmean = _functions.nanmean
nanmedian = _functions.nanmedian
nanquantile = _functions.nanquantile
nansum = _functions.nansum
narrow = _functions.narrow
ne = _functions.ne
neg = _functions.neg
negative = _functions.negative
nonzero = _functions.nonzero
nonzero_static = _functions.nonzero_static
norm = _functions.norm
numel = _functions.numel
outer = _functions.outer
permute = _functions.permute
prod = _functions.prod
quantile = _functions.quantile
ravel = _functions.ravel
reciprocal = _functions.reciprocal
relu = _functions.relu
remainder = _functions.remainder
renorm = _functions.renorm
repeat_interleave = _functions.repeat_interleave
reshape = _functions.reshape
roll = _functions.roll
round = _functions.round
rsqrt = _functions.rsqrt
scatter = _functions.scatter
scatter_add = _functions.scatter_add
scatter_reduce = _functions.scatter_reduce
select = _functions.select
sigmoid = _functions.sigmoid
sign = _functions.sign
sin = _functions.sin
sinh = _functions.sinh
softmax = _functions.softmax
sort = _functions.sort
split = _functions.split
sqrt = _functions.sqrt
square = _functions.square
squeeze = _functions.squeeze
std = _functions.std
sub = _functions.sub
subtract = _functions.subtract
sum = _functions.sum
swapaxes = _functions.swapaxes
swapdims = _functions.swapdims
t = _functions.t
take = _functions.take
take_along_dim = _functions.take_along_dim
tan = _functions.tan
tanh = _functions.tanh
tile = _functions.tile
topk = _functions.topk
transpose = _functions.transpose
tril = _functions.tril
triu = _functions.triu
true_divide = _functions.true_divide
trunc = _functions.trunc
unbind = _functions.unbind
unflatten = _functions.unflatten
unique = _functions.unique
unique_consecutive = _functions.unique_consecutive
unsqueeze = _functions.unsqueeze
var = _functions.var
