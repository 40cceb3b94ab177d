"""Probability distributions: samples, densities, entropies, divergences: `torch.distributions`."""

from zincir.distributions import (
    constraints as constraints,
    kl as kl,
    transforms as transforms,
)
from zincir.distributions.bernoulli import Bernoulli as Bernoulli
from zincir.distributions.beta import Beta as Beta
from zincir.distributions.binomial import Binomial as Binomial
from zincir.distributions.categorical import Categorical as Categorical
from zincir.distributions.cauchy import Cauchy as Cauchy
from zincir.distributions.chi2 import Chi2 as Chi2
from zincir.distributions.dirichlet import Dirichlet as Dirichlet
from zincir.distributions.distribution import Distribution as Distribution
from zincir.distributions.exponential import Exponential as Exponential
from zincir.distributions.gamma import Gamma as Gamma
from zincir.distributions.geometric import Geometric as Geometric
from zincir.distributions.gumbel import Gumbel as Gumbel
from zincir.distributions.half_normal import HalfNormal as HalfNormal
from zincir.distributions.independent import Independent as Independent
from zincir.distributions.kl import kl_divergence as kl_divergence, register_kl as register_kl
from zincir.distributions.laplace import Laplace as Laplace
from zincir.distributions.log_normal import LogNormal as LogNormal
from zincir.distributions.mixture_same_family import MixtureSameFamily as MixtureSameFamily
from zincir.distributions.multinomial import Multinomial as Multinomial
from zincir.distributions.multivariate_normal import MultivariateNormal as MultivariateNormal
from zincir.distributions.normal import Normal as Normal
from zincir.distributions.one_hot_categorical import (
    OneHotCategorical as OneHotCategorical,
    OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough,
)
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
    ComposeTransform as ComposeTransform,
    ExpTransform as ExpTransform,
    IndependentTransform as IndependentTransform,
    LowerCholeskyTransform as LowerCholeskyTransform,
    PowerTransform as PowerTransform,
    ReshapeTransform as ReshapeTransform,
    SigmoidTransform as SigmoidTransform,
    SoftmaxTransform as SoftmaxTransform,
    SoftplusTransform as SoftplusTransform,
    StickBreakingTransform as StickBreakingTransform,
    TanhTransform as TanhTransform,
    Transform as Transform,
    identity_transform as identity_transform,
)
from zincir.distributions.uniform import Uniform as Uniform
