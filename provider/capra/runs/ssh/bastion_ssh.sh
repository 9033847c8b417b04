#!/bin/sh
# OpenSSH's ProxyCommand for a host behind a bastion: DIRECTORY HOST:PORT USER PORT BASTION. What this ssh says of the
# bastion goes into a file of the private directory, and so it is never taken for what the host says. The file tells of
# the last attempt; an ssh that says more than half a megabyte is ended.
exec 2>"$1/said"
ulimit -f 1024
exec ssh -F "$1/ssh_config" -W "$2" -l "$3" -p "$4" -- "$5"
