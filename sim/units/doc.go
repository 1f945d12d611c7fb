// Package units reads and prints the quantities of a scenario file: times,
// packet rates, link speeds, sizes, shares, factors and CPU masks.
//
// A quantity is one decimal number and one unit, as in 67.2ns, 14.88Mpps,
// 10Gb/s, 64KiB or 0.1%. Everything is exact: a text that is not a whole
// number of picoseconds, of thousandths of a packet per second, of bits per
// second, of bytes or of millionths is refused, never rounded, and what a
// Format function prints is read back as the same value. No float is involved.
//
// Every error is an [*Error], which quotes the text and says what was expected.
package units
