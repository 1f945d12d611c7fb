// Package plots draws what a run showed: queue depths and losses over time, the
// distribution of latencies, and CPU time by context, each as SVG and as PNG.
//
// A plot is 800 pixels wide (the PNG has twice as many, for dense screens), and
// says what it shows without the text around it: title, axes with units, a
// legend that covers no data. Colours are those of Okabe and Ito, which
// colour-blind people can tell apart. The same result gives the same bytes on
// the same kind of machine; floats of another one may differ in a last digit.
package plots
