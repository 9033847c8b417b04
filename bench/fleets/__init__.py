"""The parts of bench/fleet: hosts, the floor, the management cluster, the controller, the rounds and the report."""
