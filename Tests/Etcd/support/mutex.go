// Takes a lock as Go programs do, by a concurrency.Mutex; says so, and keeps it until its standard input ends.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"go.etcd.io/etcd/clientv3"
	"go.etcd.io/etcd/clientv3/concurrency"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	endpoints := strings.Split(os.Getenv("ETCDCTL_ENDPOINTS"), ",")
	client, err := clientv3.New(clientv3.Config{Endpoints: endpoints})
	check(err)
	session, err := concurrency.NewSession(client, concurrency.WithTTL(10))
	check(err)
	mutex := concurrency.NewMutex(session, os.Args[1])
	check(mutex.Lock(context.Background()))
	fmt.Println("held")
	io.Copy(io.Discard, os.Stdin)
	check(mutex.Unlock(context.Background()))
	check(session.Close())
}
