"""Keys of SSH, and the private keys of certificates. Pure."""
