"""cloud-init's modules, each: the keys of a cloud-config document that it acts on (`KEYS`) → steps.

A module has a function `steps(document, constructs, subject)`; `capra.bootstrap.cloud_config` calls them in order.
What cloud-init does is told by its 'Module reference'.
"""
