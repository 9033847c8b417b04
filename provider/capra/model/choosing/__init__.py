"""Which hosts of a pool a machine takes: selectors of labels, preferences, failure domains, strategies. Pure."""
