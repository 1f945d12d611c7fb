package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"reflect"
	"strconv"
	"strings"
)

// A field is one field of a struct as its source shows it.
type field struct {
	name string // Go
	key  string // of the tag, if the struct has such tags
	tag  reflect.StructTag
	doc  string // one line
}

// readFields returns the fields of a struct type in a Go file: those that have
// the tag, or all if tag is empty. Every one of them must have a comment.
func readFields(path, typeName, tag string) ([]field, error) {
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	st := findStruct(parsed, typeName)
	if st == nil {
		return nil, fmt.Errorf("%s: no struct type %s", path, typeName)
	}
	var fields []field
	for _, f := range st.Fields.List {
		for _, id := range f.Names {
			one := field{name: id.Name, doc: comment(id.Name, f)}
			if f.Tag != nil {
				text, err := strconv.Unquote(f.Tag.Value)
				if err != nil {
					return nil, fmt.Errorf("%s: tag of %s.%s: %w", path, typeName, id.Name, err)
				}
				one.tag = reflect.StructTag(text)
			}
			if tag != "" {
				if one.key = one.tag.Get(tag); one.key == "" {
					continue
				}
			}
			if one.doc == "" {
				return nil, fmt.Errorf("%s: %s.%s has no comment", path, typeName, id.Name)
			}
			fields = append(fields, one)
		}
	}
	return fields, nil
}

func findStruct(f *ast.File, name string) *ast.StructType {
	var found *ast.StructType
	ast.Inspect(f, func(n ast.Node) bool {
		if ts, ok := n.(*ast.TypeSpec); ok && ts.Name.Name == name {
			found, _ = ts.Type.(*ast.StructType)
		}
		return found == nil
	})
	return found
}

// comment returns the comment above a field, else the one behind it, as one
// line that does not repeat the field's name.
func comment(name string, f *ast.Field) string {
	for _, g := range []*ast.CommentGroup{f.Doc, f.Comment} {
		text := strings.Join(strings.Fields(g.Text()), " ")
		for _, after := range []string{": ", " is ", " are "} {
			if rest, ok := strings.CutPrefix(text, name+after); ok {
				text = rest
				break
			}
		}
		if text != "" {
			return text
		}
	}
	return ""
}
