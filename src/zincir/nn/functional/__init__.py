"""Layers, activations and losses as functions of tensors, under PyTorch's names."""

from zincir.nn.functional.activation import (
    elu as elu,
    gelu as gelu,
    glu as glu,
    hardsigmoid as hardsigmoid,
    hardswish as hardswish,
    hardtanh as hardtanh,
    leaky_relu as leaky_relu,
    log_softmax as log_softmax,
    logsigmoid as logsigmoid,
    mish as mish,
    prelu as prelu,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softmax as softmax,
    softplus as softplus,
    softsign as softsign,
    tanh as tanh,
)
from zincir.nn.functional.activation_inplace import (
    celu_ as celu_,
    elu_ as elu_,
    hardtanh_ as hardtanh_,
    leaky_relu_ as leaky_relu_,
    relu_ as relu_,
    rrelu_ as rrelu_,
    selu_ as selu_,
    threshold_ as threshold_,
)
from zincir.nn.functional.activation_rare import (
    celu as celu,
    hardshrink as hardshrink,
    rrelu as rrelu,
    softshrink as softshrink,
    tanhshrink as tanhshrink,
    threshold as threshold,
)
from zincir.nn.functional.attention import (
    scaled_dot_product_attention as scaled_dot_product_attention,
)
from zincir.nn.functional.convolution import (
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
)
from zincir.nn.functional.distance import (
    cosine_similarity as cosine_similarity,
    pairwise_distance as pairwise_distance,
    pdist as pdist,
)
from zincir.nn.functional.dropout import (
    alpha_dropout as alpha_dropout,
    dropout as dropout,
    dropout1d as dropout1d,
    dropout2d as dropout2d,
    dropout3d as dropout3d,
    feature_alpha_dropout as feature_alpha_dropout,
    stochastic_depth as stochastic_depth,
)
from zincir.nn.functional.embedding import embedding as embedding, one_hot as one_hot
from zincir.nn.functional.embedding_bag import (
    embedding_bag as embedding_bag,
)
from zincir.nn.functional.linear import (
    bilinear as bilinear,
    linear as linear,
)
from zincir.nn.functional.loss.classification import (
    cross_entropy as cross_entropy,
    nll_loss as nll_loss,
)
from zincir.nn.functional.loss.ctc import (
    ctc_loss as ctc_loss,
)
from zincir.nn.functional.loss.likelihood import (
    gaussian_nll_loss as gaussian_nll_loss,
    poisson_nll_loss as poisson_nll_loss,
)
from zincir.nn.functional.loss.linear_cross_entropy import (
    linear_cross_entropy as linear_cross_entropy,
)
from zincir.nn.functional.loss.margin import (
    hinge_embedding_loss as hinge_embedding_loss,
    margin_ranking_loss as margin_ranking_loss,
    multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    soft_margin_loss as soft_margin_loss,
)
from zincir.nn.functional.loss.probability import (
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    kl_div as kl_div,
)
from zincir.nn.functional.loss.regression import (
    huber_loss as huber_loss,
    l1_loss as l1_loss,
    mse_loss as mse_loss,
    quantile_loss as quantile_loss,
    smooth_l1_loss as smooth_l1_loss,
)
from zincir.nn.functional.loss.segmentation import (
    dice_loss as dice_loss,
    sigmoid_focal_loss as sigmoid_focal_loss,
)
from zincir.nn.functional.loss.similarity import (
    cosine_embedding_loss as cosine_embedding_loss,
    triplet_margin_loss as triplet_margin_loss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
)
from zincir.nn.functional.multi_head import (
    multi_head_attention_forward as multi_head_attention_forward,
)
from zincir.nn.functional.normalization import (
    group_norm as group_norm,
    layer_norm as layer_norm,
    local_response_norm as local_response_norm,
    normalize as normalize,
    rms_norm as rms_norm,
)
from zincir.nn.functional.normalization_batch import (
    batch_norm as batch_norm,
    instance_norm as instance_norm,
)
from zincir.nn.functional.padding import pad as pad
from zincir.nn.functional.pooling_adaptive import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices,
    adaptive_max_pool2d as adaptive_max_pool2d,
    adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices,
    adaptive_max_pool3d as adaptive_max_pool3d,
    adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices,
)
from zincir.nn.functional.pooling_average import (
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    lp_pool1d as lp_pool1d,
    lp_pool2d as lp_pool2d,
    lp_pool3d as lp_pool3d,
)
from zincir.nn.functional.pooling_fractional import (
    fractional_max_pool2d as fractional_max_pool2d,
    fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices,
    fractional_max_pool3d as fractional_max_pool3d,
    fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices,
)
from zincir.nn.functional.pooling_max import (
    max_pool1d as max_pool1d,
    max_pool1d_with_indices as max_pool1d_with_indices,
    max_pool2d as max_pool2d,
    max_pool2d_with_indices as max_pool2d_with_indices,
    max_pool3d as max_pool3d,
    max_pool3d_with_indices as max_pool3d_with_indices,
)
from zincir.nn.functional.positions import (
    rotary_positions as rotary_positions,
    sinusoidal_positions as sinusoidal_positions,
)
from zincir.nn.functional.rearrangement import (
    channel_shuffle as channel_shuffle,
    fold as fold,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
    unfold as unfold,
)
from zincir.nn.functional.resampling import interpolate as interpolate
from zincir.nn.functional.resampling_grid import (
    affine_grid as affine_grid,
    grid_sample as grid_sample,
)
from zincir.nn.functional.resampling_older import (
    upsample as upsample,
    upsample_bilinear as upsample_bilinear,
    upsample_nearest as upsample_nearest,
)
from zincir.nn.functional.softmax_kin import (
    gumbel_softmax as gumbel_softmax,
    softmin as softmin,
)
from zincir.nn.functional.unpooling import (
    max_unpool1d as max_unpool1d,
    max_unpool2d as max_unpool2d,
    max_unpool3d as max_unpool3d,
)
