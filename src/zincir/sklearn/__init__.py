"""Networks as scikit-learn's estimators (extra `zincir[sklearn]`)."""

from zincir.sklearn.classifier import Classifier as Classifier
from zincir.sklearn.regressor import Regressor as Regressor
