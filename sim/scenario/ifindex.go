package scenario

// IfIndex returns the interface index of NICs[i]: lo has 1, and the others
// count up from there in their order.
func IfIndex(i int) int32 { return int32(i) + 2 }
