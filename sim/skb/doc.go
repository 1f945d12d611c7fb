// Package skb holds the packet as the receive path sees it: the frame on the
// wire, the socket buffer in the kernel with its truesize, the reasons for
// which it can be lost, and the ledger that says that none was lost twice.
//
// It models include/linux/skbuff.h and net/core/skbuff.c as far as the path
// decides on it. There is no payload: only what is decided on, parsed once per
// flow (Header), and what varies from frame to frame (Frame).
package skb
