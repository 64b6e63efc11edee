"""Metrics of generated images: FID, KID, precision and recall, memorization and others, and what evaluates them.

``functional`` holds the formulas as pure functions, ``extractors`` the feature extractors. Every metric is a class in a
file of its own: a ``FeatureMeasure`` compares features of real and generated images, a ``Measure`` sees the generated
images themselves. The ``Evaluator`` computes all metrics of a run.
"""
