// Package archtest holds the architecture of the module as data, and tests that
// read the source to see that it is kept: who may import whom, what a run must
// not depend on, what no file may contain.
//
// A test that fails here names the rule, the place, and what to do instead. To
// change a rule, change its table in a commit of its own that says why.
package archtest
