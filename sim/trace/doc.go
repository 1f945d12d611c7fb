// Package trace prints what tracers recorded (package ftrace) as the kernel's
// own files show it: events as the file trace of tracefs with the tracer nop
// ([WriteText]), the way of one packet as the tracer function_graph
// ([WriteGraph]), and both as JSON.
//
// A text says what the kernel of the run would say of an event: kfree_skb has a
// location in 4.0, and a reason since 5.17. Numbers that no model can know are
// made up, the same in every run: addresses of packets (from their number) and of
// functions, process numbers. The addresses of functions that occur stand at the
// end of the file.
//
// Not modelled:
//   - Tracing itself costs nothing.
//   - The function graphs of newer kernels, with their marks @ and *, are
//     printed as 4.0 prints them.
//   - Functions have the names of 4.0, also where newer kernels renamed them;
//     only the locations of kfree_skb are the newer ones.
package trace
