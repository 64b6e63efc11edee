"""Metrics of generated images: FID, KID, precision and recall, memorization and others, and what evaluates them.

``functional`` holds the formulas as pure functions, ``extractors`` the feature extractors. Every metric is a
``torchmetrics.Metric`` in a file of its own: a ``Measure`` of generated images, or, as a ``FeatureMeasure``, of their
features and those of real ones. The ``Evaluator`` computes all metrics of a run.
"""
