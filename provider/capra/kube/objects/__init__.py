"""The API's objects, to and from the engine's terms. Pure."""
