// Package lessons makes the pages of the lessons in examples.
//
// A lesson is a folder examples/NAME with a scenario or a program, and page.md.tmpl, the text
// of its page with the commands in it. README.md is that text with what the
// commands print, and with the plots that they draw: every number on the page
// is of a run. Tests render the pages again and compare, and assert what the
// lessons say.
package lessons
