"""Feature extractors: fixed networks from images to features and class logits, one file each.

``base`` is the contract. ``inception`` is the extractor of published FIDs, ``native`` a small classifier trained on the
dataset itself, ``torchvision_classifier`` any classifier of torchvision, ``timm_network`` any network of timm
(DINOv2, CLIP), ``random_network`` a network with random weights, ``user_network`` a network of the user's.
"""
