// Package unittest shows how a program's own tests pin down what a kernel
// counter means, with package simtest: what counts when a receive buffer is full,
// when several programs listen to a group, and what an upgrade of the kernel
// changes.
//
//	go test -v ./examples/unittest
package unittest
