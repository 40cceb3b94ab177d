"""Neural networks by back-propagation: PyTorch's names, whole training steps in native code."""

from math import inf as inf, nan as nan, pi as pi

from zincir import (
    autograd as autograd,
    data as data,
    distributions as distributions,
    einops_backend as einops_backend,
    fft as fft,
    func as func,
    linalg as linalg,
    metrics as metrics,
    models as models,
    nn as nn,
    ops as ops,
    optim as optim,
    safetensors as safetensors,
    serialization as serialization,
    signal as signal,
    sparse as sparse,
    special as special,
    utils as utils,
)
from zincir.as_torch import install_as_torch as install_as_torch
from zincir.assembling import (
    atleast_1d as atleast_1d,
    atleast_2d as atleast_2d,
    atleast_3d as atleast_3d,
    block_diag as block_diag,
    cartesian_prod as cartesian_prod,
    chain_matmul as chain_matmul,
    column_stack as column_stack,
    combinations as combinations,
    constant_pad_nd as constant_pad_nd,
    dstack as dstack,
    empty_permuted as empty_permuted,
    empty_strided as empty_strided,
    fill as fill,
    scalar_tensor as scalar_tensor,
    tensordot as tensordot,
    tril_indices as tril_indices,
    triu_indices as triu_indices,
    unravel_index as unravel_index,
    vander as vander,
)
from zincir.autograd import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_grad_enabled as is_grad_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
)
from zincir.complex_numbers import (
    complex as complex,
    imag as imag,
    polar as polar,
    real as real,
    view_as_complex as view_as_complex,
    view_as_real as view_as_real,
)
from zincir.creation import (
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
    ones as ones,
    ones_like as ones_like,
    set_default_dtype as set_default_dtype,
    tensor as tensor,
    zeros as zeros,
    zeros_like as zeros_like,
)
from zincir.device import (
    Device as Device,
    get_default_device as get_default_device,
    set_default_device as set_default_device,
)
from zincir.explanation import explain as explain
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
    float_power as float_power,
    functions as _functions,
    hstack as hstack,
    is_floating_point as is_floating_point,
    is_tensor as is_tensor,
    matmul as matmul,
    meshgrid as meshgrid,
    pow as pow,
    promote_types as promote_types,
    result_type as result_type,
    row_stack as row_stack,
    rsub as rsub,
    stack as stack,
    vstack as vstack,
    where as where,
)
from zincir.generator import Generator as Generator
from zincir.limits import finfo as finfo, iinfo as iinfo
from zincir.linalg.householder import (
    pca_lowrank as pca_lowrank,
    svd_lowrank as svd_lowrank,
)
from zincir.linalg.solving import lu_unpack as lu_unpack
from zincir.measuring import (
    bucketize as bucketize,
    cdist as cdist,
    cumulative_trapezoid as cumulative_trapezoid,
    gradient as gradient,
    histogramdd as histogramdd,
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
    sparse_coo as sparse_coo,
    strided as strided,
)
from zincir.nn.functional import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    avg_pool1d as avg_pool1d,
    bilinear as bilinear,
    celu as celu,
    celu_ as celu_,
    channel_shuffle as channel_shuffle,
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
    cosine_similarity as cosine_similarity,
    group_norm as group_norm,
    hardshrink as hardshrink,
    layer_norm as layer_norm,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
    pairwise_distance as pairwise_distance,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
    prelu as prelu,
    rms_norm as rms_norm,
    rrelu as rrelu,
    rrelu_ as rrelu_,
    selu as selu,
    selu_ as selu_,
    threshold as threshold,
    threshold_ as threshold_,
)
from zincir.nn.functional.recurrent import (
    gru_cell as gru_cell,
    lstm_cell as lstm_cell,
    rnn_relu_cell as rnn_relu_cell,
    rnn_tanh_cell as rnn_tanh_cell,
)
from zincir.nn.functional.resampling_grid import (
    grid_sampler as grid_sampler,
    grid_sampler_2d as grid_sampler_2d,
    grid_sampler_3d as grid_sampler_3d,
)
from zincir.printing import (
    get_printoptions as get_printoptions,
    printoptions as printoptions,
    set_printoptions as set_printoptions,
)
from zincir.random import (
    bernoulli as bernoulli,
    binomial as binomial,
    get_rng_state as get_rng_state,
    initial_seed as initial_seed,
    manual_seed as manual_seed,
    multinomial as multinomial,
    normal as normal,
    poisson as poisson,
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
from zincir.scan import scan as scan
from zincir.serialization import load as load, save as save
from zincir.series import arange as arange, linspace as linspace, logspace as logspace
from zincir.short_time import istft as istft, stft as stft
from zincir.signal.periodic import (
    bartlett_window as bartlett_window,
    blackman_window as blackman_window,
    hamming_window as hamming_window,
    hann_window as hann_window,
    kaiser_window as kaiser_window,
)
from zincir.size import Size as Size
from zincir.sparse import sparse_coo_tensor as sparse_coo_tensor
from zincir.special.functions import polygamma as polygamma, xlogy as xlogy
from zincir.step import compile as compile
from zincir.tensor import Tensor as Tensor
from zincir.trainer import Trainer as Trainer
from zincir.types import (
    DType as DType,
    bfloat16 as bfloat16,
    bool_ as bool_,
    complex64 as complex64,
    complex128 as complex128,
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
cfloat = complex64
cdouble = complex128
float = float32
double = float64

# Methods of Tensor as functions (`calling.py`)

abs = _functions.abs
abs_ = _functions.abs_
absolute = _functions.absolute
acos = _functions.acos
acos_ = _functions.acos_
acosh = _functions.acosh
acosh_ = _functions.acosh_
add = _functions.add
addbmm = _functions.addbmm
addcdiv = _functions.addcdiv
addcmul = _functions.addcmul
addmm = _functions.addmm
addmv = _functions.addmv
addmv_ = _functions.addmv_
addr = _functions.addr
adjoint = _functions.adjoint
all = _functions.all
allclose = _functions.allclose
amax = _functions.amax
amin = _functions.amin
aminmax = _functions.aminmax
angle = _functions.angle
any = _functions.any
arccos = _functions.arccos
arccos_ = _functions.arccos_
arccosh = _functions.arccosh
arccosh_ = _functions.arccosh_
arcsin = _functions.arcsin
arcsin_ = _functions.arcsin_
arcsinh = _functions.arcsinh
arcsinh_ = _functions.arcsinh_
arctan = _functions.arctan
arctan2 = _functions.arctan2
arctan_ = _functions.arctan_
arctanh = _functions.arctanh
arctanh_ = _functions.arctanh_
argmax = _functions.argmax
argmin = _functions.argmin
argsort = _functions.argsort
argwhere = _functions.argwhere
as_strided = _functions.as_strided
as_strided_scatter = _functions.as_strided_scatter
asin = _functions.asin
asin_ = _functions.asin_
asinh = _functions.asinh
asinh_ = _functions.asinh_
atan = _functions.atan
atan2 = _functions.atan2
atan_ = _functions.atan_
atanh = _functions.atanh
atanh_ = _functions.atanh_
baddbmm = _functions.baddbmm
bincount = _functions.bincount
bitwise_left_shift = _functions.bitwise_left_shift
bitwise_not = _functions.bitwise_not
bitwise_right_shift = _functions.bitwise_right_shift
bmm = _functions.bmm
broadcast_to = _functions.broadcast_to
ceil = _functions.ceil
ceil_ = _functions.ceil_
cholesky = _functions.cholesky
cholesky_inverse = _functions.cholesky_inverse
cholesky_solve = _functions.cholesky_solve
chunk = _functions.chunk
clamp = _functions.clamp
clamp_ = _functions.clamp_
clamp_max = _functions.clamp_max
clamp_max_ = _functions.clamp_max_
clamp_min = _functions.clamp_min
clamp_min_ = _functions.clamp_min_
clip = _functions.clip
clip_ = _functions.clip_
clone = _functions.clone
conj = _functions.conj
conj_physical = _functions.conj_physical
copysign = _functions.copysign
corrcoef = _functions.corrcoef
cos = _functions.cos
cos_ = _functions.cos_
cosh = _functions.cosh
cosh_ = _functions.cosh_
count_nonzero = _functions.count_nonzero
cov = _functions.cov
cross = _functions.cross
cummax = _functions.cummax
cummin = _functions.cummin
cumprod = _functions.cumprod
cumsum = _functions.cumsum
deg2rad = _functions.deg2rad
deg2rad_ = _functions.deg2rad_
det = _functions.det
detach = _functions.detach
detach_ = _functions.detach_
diag = _functions.diag
diag_embed = _functions.diag_embed
diagflat = _functions.diagflat
diagonal = _functions.diagonal
diagonal_scatter = _functions.diagonal_scatter
diff = _functions.diff
digamma = _functions.digamma
digamma_ = _functions.digamma_
dist = _functions.dist
div = _functions.div
divide = _functions.divide
dot = _functions.dot
dsplit = _functions.dsplit
eq = _functions.eq
equal = _functions.equal
erf = _functions.erf
erf_ = _functions.erf_
erfc = _functions.erfc
erfc_ = _functions.erfc_
erfinv = _functions.erfinv
erfinv_ = _functions.erfinv_
exp = _functions.exp
exp2 = _functions.exp2
exp2_ = _functions.exp2_
exp_ = _functions.exp_
expm1 = _functions.expm1
expm1_ = _functions.expm1_
fill_ = _functions.fill_
fix = _functions.fix
fix_ = _functions.fix_
flatten = _functions.flatten
flip = _functions.flip
fliplr = _functions.fliplr
flipud = _functions.flipud
floor = _functions.floor
floor_ = _functions.floor_
floor_divide = _functions.floor_divide
fmax = _functions.fmax
fmin = _functions.fmin
fmod = _functions.fmod
frac = _functions.frac
frac_ = _functions.frac_
frexp = _functions.frexp
gather = _functions.gather
gcd = _functions.gcd
gcd_ = _functions.gcd_
ge = _functions.ge
geqrf = _functions.geqrf
ger = _functions.ger
greater = _functions.greater
greater_equal = _functions.greater_equal
gt = _functions.gt
heaviside = _functions.heaviside
histc = _functions.histc
histogram = _functions.histogram
hsplit = _functions.hsplit
hypot = _functions.hypot
i0 = _functions.i0
i0_ = _functions.i0_
igamma = _functions.igamma
igammac = _functions.igammac
index_add = _functions.index_add
index_copy = _functions.index_copy
index_fill = _functions.index_fill
index_put = _functions.index_put
index_put_ = _functions.index_put_
index_reduce = _functions.index_reduce
index_select = _functions.index_select
inner = _functions.inner
inverse = _functions.inverse
is_complex = _functions.is_complex
is_signed = _functions.is_signed
isclose = _functions.isclose
isfinite = _functions.isfinite
isinf = _functions.isinf
isnan = _functions.isnan
isneginf = _functions.isneginf
isposinf = _functions.isposinf
isreal = _functions.isreal
kron = _functions.kron
kthvalue = _functions.kthvalue
lcm = _functions.lcm
lcm_ = _functions.lcm_
ldexp = _functions.ldexp
ldexp_ = _functions.ldexp_
le = _functions.le
lerp = _functions.lerp
less = _functions.less
less_equal = _functions.less_equal
lgamma = _functions.lgamma
lgamma_ = _functions.lgamma_
log = _functions.log
log10 = _functions.log10
log10_ = _functions.log10_
log1p = _functions.log1p
log1p_ = _functions.log1p_
log2 = _functions.log2
log2_ = _functions.log2_
log_ = _functions.log_
log_softmax = _functions.log_softmax
logaddexp = _functions.logaddexp
logaddexp2 = _functions.logaddexp2
logcumsumexp = _functions.logcumsumexp
logdet = _functions.logdet
logical_and = _functions.logical_and
logical_not = _functions.logical_not
logical_or = _functions.logical_or
logical_xor = _functions.logical_xor
logit = _functions.logit
logit_ = _functions.logit_
logsumexp = _functions.logsumexp
lt = _functions.lt
lu = _functions.lu
lu_solve = _functions.lu_solve
masked_fill = _functions.masked_fill
masked_scatter = _functions.masked_scatter
masked_select = _functions.masked_select
matrix_exp = _functions.matrix_exp
matrix_power = _functions.matrix_power
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
mvlgamma = _functions.mvlgamma
nan_to_num = _functions.nan_to_num
nan_to_num_ = _functions.nan_to_num_
nanmean = _functions.nanmean
nanmedian = _functions.nanmedian
nanquantile = _functions.nanquantile
nansum = _functions.nansum
narrow = _functions.narrow
ne = _functions.ne
neg = _functions.neg
neg_ = _functions.neg_
negative = _functions.negative
negative_ = _functions.negative_
nextafter = _functions.nextafter
nonzero = _functions.nonzero
nonzero_static = _functions.nonzero_static
norm = _functions.norm
not_equal = _functions.not_equal
numel = _functions.numel
orgqr = _functions.orgqr
ormqr = _functions.ormqr
outer = _functions.outer
permute = _functions.permute
pinverse = _functions.pinverse
positive = _functions.positive
prod = _functions.prod
put = _functions.put
qr = _functions.qr
quantile = _functions.quantile
rad2deg = _functions.rad2deg
rad2deg_ = _functions.rad2deg_
ravel = _functions.ravel
reciprocal = _functions.reciprocal
reciprocal_ = _functions.reciprocal_
relu = _functions.relu
relu_ = _functions.relu_
remainder = _functions.remainder
renorm = _functions.renorm
repeat_interleave = _functions.repeat_interleave
reshape = _functions.reshape
resize_as_ = _functions.resize_as_
resolve_conj = _functions.resolve_conj
resolve_neg = _functions.resolve_neg
roll = _functions.roll
rot90 = _functions.rot90
round = _functions.round
round_ = _functions.round_
rsqrt = _functions.rsqrt
rsqrt_ = _functions.rsqrt_
scatter = _functions.scatter
scatter_add = _functions.scatter_add
scatter_reduce = _functions.scatter_reduce
select = _functions.select
select_scatter = _functions.select_scatter
sgn = _functions.sgn
sigmoid = _functions.sigmoid
sigmoid_ = _functions.sigmoid_
sign = _functions.sign
signbit = _functions.signbit
sin = _functions.sin
sin_ = _functions.sin_
sinc = _functions.sinc
sinc_ = _functions.sinc_
sinh = _functions.sinh
sinh_ = _functions.sinh_
slice_scatter = _functions.slice_scatter
slogdet = _functions.slogdet
softmax = _functions.softmax
sort = _functions.sort
split = _functions.split
split_with_sizes = _functions.split_with_sizes
sqrt = _functions.sqrt
sqrt_ = _functions.sqrt_
square = _functions.square
square_ = _functions.square_
squeeze = _functions.squeeze
std = _functions.std
sub = _functions.sub
subtract = _functions.subtract
sum = _functions.sum
svd = _functions.svd
swapaxes = _functions.swapaxes
swapdims = _functions.swapdims
t = _functions.t
take = _functions.take
take_along_dim = _functions.take_along_dim
tan = _functions.tan
tan_ = _functions.tan_
tanh = _functions.tanh
tanh_ = _functions.tanh_
tensor_split = _functions.tensor_split
tile = _functions.tile
topk = _functions.topk
trace = _functions.trace
transpose = _functions.transpose
triangular_solve = _functions.triangular_solve
tril = _functions.tril
triu = _functions.triu
true_divide = _functions.true_divide
trunc = _functions.trunc
trunc_ = _functions.trunc_
unbind = _functions.unbind
unflatten = _functions.unflatten
unique = _functions.unique
unique_consecutive = _functions.unique_consecutive
unsafe_chunk = _functions.unsafe_chunk
unsafe_split = _functions.unsafe_split
unsafe_split_with_sizes = _functions.unsafe_split_with_sizes
unsqueeze = _functions.unsqueeze
var = _functions.var
vdot = _functions.vdot
vsplit = _functions.vsplit
xlogy_ = _functions.xlogy_
zero_ = _functions.zero_
