package scenariofile

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Limits of a scenario file. They are far above what anybody writes, and low
// enough that no file takes more than a second or so to be refused.
const (
	// MaxBytes is the size of a file.
	MaxBytes = 1 << 20
	// maxDepth is how deep lists and mappings may be nested.
	maxDepth = 32
	// maxKeys is the number of keys of one mapping: some of what is done with them takes quadratic time.
	maxKeys = 4096
	// maxTokens is the number of words and signs.
	maxTokens = 200_000
	// maxNodes is the number of values when aliases are replaced by what they stand for.
	maxNodes = 200_000
)

// A reader turns YAML into nodes and collects what is wrong on the way.
type reader struct {
	faults  *collector
	set     int
	anchors map[string]*node
	budget  int
}

// readYAML reads one document: the file, or the value of a Set, which stands at
// p. It returns null for an empty one, and nil after a fault that leaves nothing
// to go on with.
func readYAML(data []byte, set int, p path, faults *collector) *node {
	r := &reader{faults: faults, set: set, anchors: map[string]*node{}, budget: maxNodes}
	data = []byte(strings.TrimPrefix(string(data), "\ufeff"))
	if len(data) > MaxBytes {
		r.broken(nil, fmt.Sprintf("%d bytes", len(data)), fmt.Sprintf("at most %d bytes", MaxBytes))
		return nil
	}
	if at, problem := notText(data); problem != "" {
		r.faults.add(fault{at: at, problem: problem})
		return nil
	}
	file := r.parse(string(data))
	if file == nil {
		return nil
	}
	switch {
	case len(file.Docs) == 0 || len(file.Docs) == 1 && file.Docs[0].Body == nil:
		return &node{at: r.at(nil)}
	case len(file.Docs) > 1:
		r.broken(file.Docs[1].Start, "a second document", "one document in a file")
		return nil
	}
	return r.node(file.Docs[0].Body, p)
}

// parse guards the library's parser, which is recursive and in places
// quadratic, and could panic.
func (r *reader) parse(text string) (file *ast.File) {
	defer func() {
		if why := recover(); why != nil {
			r.broken(nil, fmt.Sprintf("not YAML (%v)", why), "")
			file = nil
		}
	}()
	tokens := lexer.Tokenize(text)
	if tk, want := tooMuch(tokens); tk != nil {
		r.broken(tk, "too much YAML", want)
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		var e yaml.Error
		if errors.As(err, &e) {
			r.broken(e.GetToken(), "not YAML: "+e.GetMessage(), "")
		} else {
			r.broken(nil, "not YAML: "+err.Error(), "")
		}
		return nil
	}
	return file
}

// tooMuch returns the token at which a text becomes larger than anybody writes
// one, and the limit; nil if it never does.
func tooMuch(tokens token.Tokens) (at *token.Token, want string) {
	if len(tokens) > maxTokens {
		return tokens[maxTokens], fmt.Sprintf("at most %d words and signs", maxTokens)
	}
	type block struct{ column, keys int }
	var (
		blocks []block // the columns at which lines begin, and the keys seen there
		flow   int     // brackets open
		inLine int     // signs in this line that nest what follows
		line   int
	)
	for _, tk := range tokens {
		if tk.Type == token.CommentType {
			continue
		}
		if tk.Position.Line != line && flow == 0 {
			line, inLine = tk.Position.Line, 0
			for len(blocks) > 0 && blocks[len(blocks)-1].column > tk.Position.Column {
				blocks = blocks[:len(blocks)-1]
			}
			if len(blocks) == 0 || blocks[len(blocks)-1].column < tk.Position.Column {
				blocks = append(blocks, block{column: tk.Position.Column})
			}
			top := &blocks[len(blocks)-1]
			if tk.Type != token.SequenceEntryType {
				top.keys++
			}
			if top.keys > maxKeys {
				return tk, fmt.Sprintf("at most %d keys in a mapping", maxKeys)
			}
		}
		switch tk.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow = max(0, flow-1)
		case token.SequenceEntryType, token.MappingKeyType, token.AnchorType, token.TagType:
			inLine++
		}
		if len(blocks)+flow+inLine > maxDepth {
			return tk, fmt.Sprintf("at most %d levels of nesting", maxDepth)
		}
	}
	return nil, ""
}

// broken adds a fault about the text rather than about a key.
func (r *reader) broken(tk *token.Token, problem, want string) {
	r.faults.add(fault{at: r.at(tk), problem: problem, want: want})
}

func (r *reader) at(tk *token.Token) origin {
	if r.set > 0 {
		return origin{set: r.set}
	}
	if tk == nil || tk.Position == nil {
		return origin{}
	}
	return origin{line: tk.Position.Line, column: tk.Position.Column}
}

// jsonNumber is the grammar of numbers that a scenario may use: YAML 1.1's
// 010, 0x10 and 1_000 mean different things to different readers.
var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$`)

// node converts a node of the library, which stands at p. After a fault it
// returns a null, so that the rest is still looked at.
func (r *reader) node(a ast.Node, p path) *node {
	if r.budget--; r.budget < 0 {
		if r.budget == -1 {
			r.broken(a.GetToken(), "too much YAML", fmt.Sprintf("at most %d values, aliases counted in full", maxNodes))
		}
		return &node{at: r.at(nil)}
	}
	n := &node{at: r.at(a.GetToken())}
	refuse := func(problem, want string) *node {
		r.faults.add(fault{path: p, at: n.at, problem: problem, want: want})
		return &node{at: n.at}
	}
	switch a := a.(type) {
	case *ast.NullNode:
	case *ast.BoolNode:
		n.kind, n.text = boolean, fmt.Sprint(a.Value)
	case *ast.IntegerNode, *ast.FloatNode:
		n.kind, n.text = number, a.GetToken().Value
		if !jsonNumber.MatchString(n.text) {
			return refuse("number "+clip(n.text), "a plain decimal number such as 1000 or 0.5, or a text in quotes")
		}
	case *ast.InfinityNode, *ast.NanNode:
		return refuse("number "+a.GetToken().Value, "a finite number")
	case *ast.StringNode:
		n.kind, n.text = str, a.Value
	case *ast.LiteralNode:
		n.kind, n.text = str, a.Value.Value
	case *ast.SequenceNode:
		n.kind = list
		for i, v := range a.Values {
			n.items = append(n.items, r.node(v, p.item(i)))
		}
	case *ast.MappingNode:
		n.kind = mapping
		if len(a.Values) > 0 && !a.IsFlowStyle {
			n.at = r.at(a.Values[0].Key.GetToken())
		}
		for _, v := range a.Values {
			r.field(n, v, p)
		}
		r.merge(n, p)
	case *ast.MappingValueNode:
		n.kind, n.at = mapping, r.at(a.Key.GetToken())
		r.field(n, a, p)
		r.merge(n, p)
	case *ast.AnchorNode:
		if a.Value == nil {
			return refuse("an anchor without a value", "a value")
		}
		n = r.node(a.Value, p)
		r.anchors[a.Name.GetToken().Value] = n
	case *ast.AliasNode:
		name := a.Value.GetToken().Value
		target, ok := r.anchors[name]
		if !ok {
			return refuse("unknown alias *"+clip(name), "an anchor &"+clip(name)+" before it")
		}
		if r.budget -= target.size(); r.budget < 0 {
			return refuse("too much YAML", fmt.Sprintf("at most %d values, aliases counted in full", maxNodes))
		}
		n = target.copy()
	case *ast.TagNode:
		return refuse("a YAML tag", "no tags: write a text in quotes")
	default:
		return refuse("YAML that a scenario does not use", "mappings, lists, texts and numbers")
	}
	return n
}

// mergeKey stands in place of a key for what YAML calls a merge.
const mergeKey = "<<"

// field adds one key to the mapping at p, or says that it is there already.
func (r *reader) field(n *node, a *ast.MappingValueNode, p path) {
	var key ast.Node = a.Key
	if k, ok := key.(*ast.MappingKeyNode); ok {
		key = k.Value
	}
	scalar, ok := key.(ast.ScalarNode)
	if !ok || key.Type() == ast.AnchorType || key.Type() == ast.AliasType || key.Type() == ast.TagType {
		r.faults.add(fault{path: p, at: r.at(a.Key.GetToken()), problem: "a key that is not a word", want: "a word"})
		return
	}
	name := scalar.GetToken().Value
	if lit, ok := key.(*ast.LiteralNode); ok {
		name = lit.Value.Value
	}
	at := r.at(key.GetToken())
	if len(n.fields) >= maxKeys {
		r.faults.addUnlessKnown(fault{path: p, at: at, problem: "too much YAML", want: fmt.Sprintf("at most %d keys in a mapping", maxKeys)})
		return
	}
	value := r.node(a.Value, p.under(name))
	if first := n.field(name); first != nil {
		where := ""
		if first.at.line > 0 {
			where = fmt.Sprintf(", first at line %d", first.at.line)
		}
		r.faults.add(fault{path: p.under(name), at: at, problem: "duplicate key" + where})
		return
	}
	n.fields = append(n.fields, field{name, at, value})
}

// merge replaces << of the mapping at p by the keys of the mappings it names,
// except those that the mapping has itself.
func (r *reader) merge(n *node, p path) {
	from := n.get(mergeKey)
	if from == nil {
		return
	}
	n.remove(mergeKey)
	sources := []*node{from}
	if from.kind == list {
		sources = from.items
	}
	for _, s := range sources {
		if s.kind == null && r.faults.about(p.under(mergeKey)) {
			continue
		}
		if s.kind != mapping {
			r.faults.add(fault{path: p.under(mergeKey), at: s.at, value: s.describe(), want: "a mapping, such as *name of an anchor"})
			continue
		}
		for _, f := range s.fields {
			if n.field(f.key) == nil {
				n.fields = append(n.fields, f)
			}
		}
	}
}

// notText returns the first place of data that is not text, and why.
func notText(data []byte) (at origin, problem string) {
	at = origin{line: 1, column: 1}
	for len(data) > 0 {
		r, size := utf8.DecodeRune(data)
		switch {
		case r == utf8.RuneError && size == 1:
			return at, "not UTF-8"
		case r == '\n':
			at = origin{line: at.line + 1}
		case r < ' ' && r != '\t' && r != '\r' || r == 0x7f:
			return at, fmt.Sprintf("a control character (%U)", r)
		}
		at.column++
		data = data[size:]
	}
	return at, ""
}
