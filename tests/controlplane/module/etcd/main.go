// etcd as its own repository builds it: the root module there can't be installed by version (it replaces its parts).
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
