module github.com/seed-556df219/rxpath

go 1.26
