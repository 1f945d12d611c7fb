package report

import (
	"bytes"
	"encoding/json"
	"io"
)

// JSON writes the result for programs: docs/results.md lists the keys,
// docs/run.schema.json is their schema. Keys are sorted, times are numbers of
// nanoseconds with at most three decimals.
//
// An error is one of w, of a threshold that cannot be read, or of a canonical
// scenario that is none.
func JSON(w io.Writer, in Input) error {
	data, err := encodeJSON(&in)
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

func encodeJSON(in *Input) ([]byte, error) {
	d, err := makeDocument(in)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := WriteIndented(&b, d); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// WriteIndented writes v as every JSON of rxpath is written: indented by two
// spaces, with characters such as < as they are.
func WriteIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
