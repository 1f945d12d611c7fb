// Package sim puts the stages of the receive path together and runs them.
//
// A [Host] is a machine to drive by hand: bind sockets, inject frames, let
// virtual time pass, read, and compare snapshots of the kernel's counters.
// [Run] runs a whole scenario and returns what it showed.
//
// The reference kernel is Linux 4.0.5 on x86-64 ([Linux40]); citations of the
// form file.c:function are of that version.
package sim
