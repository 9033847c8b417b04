"""The parts of bench/scale: the controller's process, and the management cluster that it works on."""
