package procfs

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"time"
)

var (
	errIsDir  = errors.New("is a directory")
	errNotDir = errors.New("not a directory")
)

// openFile is a rendered file. It can be read at any offset.
type openFile struct {
	*bytes.Reader
	info fs.FileInfo
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *openFile) Close() error               { return nil }

// openDir is an open directory; it remembers how far it was read.
type openDir struct {
	tree *tree
	path string
	node *node
	read int
}

func (d *openDir) Stat() (fs.FileInfo, error) { return d.tree.info(d.node, 0), nil }
func (d *openDir) Close() error               { return nil }

func (d *openDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: d.path, Err: errIsDir}
}

// ReadDir implements [fs.ReadDirFile].
func (d *openDir) ReadDir(n int) ([]fs.DirEntry, error) {
	rest := d.node.children[d.read:]
	if n > 0 {
		if len(rest) == 0 {
			return nil, io.EOF
		}
		rest = rest[:min(n, len(rest))]
	}
	d.read += len(rest)
	return d.tree.entries(rest), nil
}

// dirEntry is a node in its directory. Only Info renders the file.
type dirEntry struct {
	tree *tree
	node *node
}

func (e *dirEntry) Name() string               { return e.node.name }
func (e *dirEntry) IsDir() bool                { return e.node.write == nil }
func (e *dirEntry) Type() fs.FileMode          { return e.node.mode().Type() }
func (e *dirEntry) Info() (fs.FileInfo, error) { return e.tree.stat(e.node) }
func (e *dirEntry) String() string             { return fs.FormatDirEntry(e) }

// fileInfo is what Stat tells of a node.
type fileInfo struct {
	name    string
	size    int64
	mode    fs.FileMode
	modTime time.Time
}

func (t *tree) info(n *node, size int64) fs.FileInfo {
	return &fileInfo{n.name, size, n.mode(), t.modTime}
}

func (i *fileInfo) Name() string       { return i.name }
func (i *fileInfo) Size() int64        { return i.size }
func (i *fileInfo) Mode() fs.FileMode  { return i.mode }
func (i *fileInfo) ModTime() time.Time { return i.modTime }
func (i *fileInfo) IsDir() bool        { return i.mode.IsDir() }
func (i *fileInfo) Sys() any           { return nil }
func (i *fileInfo) String() string     { return fs.FormatFileInfo(i) }
