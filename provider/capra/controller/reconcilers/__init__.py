"""One reconciler for each kind of thing there is to look at."""
