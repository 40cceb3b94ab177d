"""Probability distributions: samples, densities, entropies, divergences: `torch.distributions`."""

from zincir.distributions import (
    constraints as constraints,
    kl as kl,
    kl_pairs as kl_pairs,
    transforms as transforms,
)
from zincir.distributions.bernoulli import Bernoulli as Bernoulli
from zincir.distributions.beta import Beta as Beta
from zincir.distributions.binomial import Binomial as Binomial
from zincir.distributions.categorical import Categorical as Categorical
from zincir.distributions.cauchy import Cauchy as Cauchy
from zincir.distributions.chi2 import Chi2 as Chi2
from zincir.distributions.constraint_registry import (
    biject_to as biject_to,
    transform_to as transform_to,
)
from zincir.distributions.continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from zincir.distributions.dirichlet import Dirichlet as Dirichlet
from zincir.distributions.distribution import Distribution as Distribution
from zincir.distributions.exp_family import ExponentialFamily as ExponentialFamily
from zincir.distributions.exponential import Exponential as Exponential
from zincir.distributions.fishersnedecor import FisherSnedecor as FisherSnedecor
from zincir.distributions.gamma import Gamma as Gamma
from zincir.distributions.generalized_pareto import GeneralizedPareto as GeneralizedPareto
from zincir.distributions.geometric import Geometric as Geometric
from zincir.distributions.gumbel import Gumbel as Gumbel
from zincir.distributions.half_cauchy import HalfCauchy as HalfCauchy
from zincir.distributions.half_normal import HalfNormal as HalfNormal
from zincir.distributions.independent import Independent as Independent
from zincir.distributions.inverse_gamma import InverseGamma as InverseGamma
from zincir.distributions.kl import kl_divergence as kl_divergence, register_kl as register_kl
from zincir.distributions.kumaraswamy import Kumaraswamy as Kumaraswamy
from zincir.distributions.laplace import Laplace as Laplace
from zincir.distributions.lkj_cholesky import LKJCholesky as LKJCholesky
from zincir.distributions.log_normal import LogNormal as LogNormal
from zincir.distributions.logistic_normal import LogisticNormal as LogisticNormal
from zincir.distributions.lowrank_multivariate_normal import (
    LowRankMultivariateNormal as LowRankMultivariateNormal,
)
from zincir.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from zincir.distributions.multinomial import Multinomial as Multinomial
from zincir.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from zincir.distributions.negative_binomial import NegativeBinomial as NegativeBinomial
from zincir.distributions.normal import Normal as Normal
from zincir.distributions.one_hot_categorical import (
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
from zincir.distributions.pareto import Pareto as Pareto
from zincir.distributions.poisson import Poisson as Poisson
from zincir.distributions.relaxed_bernoulli import (
    LogitRelaxedBernoulli as LogitRelaxedBernoulli,
    RelaxedBernoulli as RelaxedBernoulli,
)
from zincir.distributions.relaxed_one_hot_categorical import (
    RelaxedOneHotCategorical as RelaxedOneHotCategorical,
)
from zincir.distributions.student_t import StudentT as StudentT
from zincir.distributions.transformed_distribution import (
    TransformedDistribution as TransformedDistribution,
)
from zincir.distributions.transforms import (
    AbsTransform as AbsTransform,
    AffineTransform as AffineTransform,
    CatTransform as CatTransform,
    ComposeTransform as ComposeTransform,
    CorrCholeskyTransform as CorrCholeskyTransform,
    CumulativeDistributionTransform as CumulativeDistributionTransform,
    ExpTransform as ExpTransform,
    IndependentTransform as IndependentTransform,
    LowerCholeskyTransform as LowerCholeskyTransform,
    PositiveDefiniteTransform as PositiveDefiniteTransform,
    PowerTransform as PowerTransform,
    ReshapeTransform as ReshapeTransform,
    SigmoidTransform as SigmoidTransform,
    SoftmaxTransform as SoftmaxTransform,
    SoftplusTransform as SoftplusTransform,
    StackTransform as StackTransform,
    StickBreakingTransform as StickBreakingTransform,
    TanhTransform as TanhTransform,
    Transform as Transform,
    identity_transform as identity_transform,
)
from zincir.distributions.uniform import Uniform as Uniform
from zincir.distributions.von_mises import VonMises as VonMises
from zincir.distributions.weibull import Weibull as Weibull
from zincir.distributions.wishart import Wishart as Wishart
