module example.com/counters

go 1.26.0

require github.com/seed-556df219/rxpath v0.0.0

replace github.com/seed-556df219/rxpath => ../..
