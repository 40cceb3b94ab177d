"""The parts of scikit-learn that are needed, in one place: it carries no types."""

from __future__ import annotations

from typing import Any

import sklearn.base as _base
import sklearn.model_selection as _model_selection
import sklearn.utils as _utils
import sklearn.utils.multiclass as _multiclass
import sklearn.utils.validation as _validation

_modules: Any = (_base, _model_selection, _utils, _multiclass, _validation)
base, model_selection, utils, multiclass, validation = _modules

BaseEstimator: Any = base.BaseEstimator
ClassifierMixin: Any = base.ClassifierMixin
RegressorMixin: Any = base.RegressorMixin
train_test_split: Any = model_selection.train_test_split
check_random_state: Any = utils.check_random_state
check_targets: Any = multiclass.check_classification_targets
check_is_fitted: Any = validation.check_is_fitted
column_or_1d: Any = validation.column_or_1d
validate_data: Any = validation.validate_data
weights_of: Any = validation._check_sample_weight
