"""The controller of a management cluster: watches the API, decides with the engine, runs the playbooks."""
