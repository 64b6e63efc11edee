"""Metrics as pure functions of tensors: features, logits or images in, scores out.

Everything random in them is a function of a ``seed`` argument. The classes in ``gan_experiments.metrics`` call these.
"""

from gan_experiments.metrics.functional.authenticity import authenticity, expected_authenticity
from gan_experiments.metrics.functional.class_wise_frechet import class_wise_frechet_distances
from gan_experiments.metrics.functional.classification_accuracy import (
    AugmentationGain,
    ClassifierTraining,
    LabelledImages,
    augmentation_gain,
    classification_accuracy_score,
)
from gan_experiments.metrics.functional.data_copying import DataCopying, data_copying
from gan_experiments.metrics.functional.equivariance import (
    fractional_translation_error,
    peak_signal_to_noise,
    rotation_error,
    translation_error,
)
from gan_experiments.metrics.functional.expected_frechet import (
    RealParts,
    divide,
    expected_class_wise_distances,
    expected_frechet_distance,
)
from gan_experiments.metrics.functional.extrapolated_frechet import extrapolated_frechet_distance
from gan_experiments.metrics.functional.feature_likelihood import feature_likelihood_score
from gan_experiments.metrics.functional.frechet import frechet_distance
from gan_experiments.metrics.functional.gaussian import Gaussian, fit_gaussian
from gan_experiments.metrics.functional.gaussian_kernel import GaussianMMD, expected_gaussian_mmd, gaussian_mmd
from gan_experiments.metrics.functional.inception_score import inception_score
from gan_experiments.metrics.functional.kernel_distance import kernel_distance, polynomial_mmd
from gan_experiments.metrics.functional.margins import jackknife_margin, margin_of_mean, margin_of_share
from gan_experiments.metrics.functional.mode_coverage import mode_coverage
from gan_experiments.metrics.functional.path_length import mean_without_extremes, perceptual_path_lengths
from gan_experiments.metrics.functional.precision_recall import PRDCScores, precision_recall_density_coverage
from gan_experiments.metrics.functional.precision_recall_curve import (
    PrecisionRecallCurve,
    expected_precision_recall_curve,
    precision_recall_curve,
)
from gan_experiments.metrics.functional.real_baseline import (
    expected_inception_score,
    expected_kernel_distance,
    expected_precision_recall_density_coverage,
)
from gan_experiments.metrics.functional.sliced_wasserstein import (
    expected_monge_inception_distance,
    monge_inception_distance,
    sliced_wasserstein_distance,
)
from gan_experiments.metrics.functional.vendi import expected_vendi_score, vendi_score

__all__ = [
    "AugmentationGain", "ClassifierTraining", "DataCopying", "Gaussian", "GaussianMMD", "LabelledImages", "PRDCScores",
    "PrecisionRecallCurve", "RealParts", "augmentation_gain", "authenticity", "class_wise_frechet_distances",
    "classification_accuracy_score", "data_copying", "divide", "expected_authenticity", "expected_class_wise_distances",
    "expected_frechet_distance", "expected_gaussian_mmd", "expected_inception_score", "expected_kernel_distance",
    "expected_monge_inception_distance", "expected_precision_recall_curve",
    "expected_precision_recall_density_coverage", "expected_vendi_score", "extrapolated_frechet_distance",
    "feature_likelihood_score", "fit_gaussian", "fractional_translation_error", "frechet_distance", "gaussian_mmd",
    "inception_score", "jackknife_margin", "kernel_distance", "margin_of_mean", "margin_of_share",
    "mean_without_extremes", "mode_coverage", "monge_inception_distance", "peak_signal_to_noise",
    "perceptual_path_lengths", "polynomial_mmd", "precision_recall_curve", "precision_recall_density_coverage",
    "rotation_error", "sliced_wasserstein_distance", "translation_error", "vendi_score",
]  # fmt: skip
