"""What people name on the command line is read: manifests, keys, and the files of options."""
