package main

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// openIDs reads identifiers: one on each line, or those of a column.
func openIDs(r io.Reader, space, column string) (engine.Identifiers, error) {
	if column == "" {
		return &lineIDs{in: bufio.NewReaderSize(r, mostID), space: space}, nil
	}
	rows, err := openRows(r)
	if err != nil {
		return nil, err
	}
	if c, ok := rows.(*csvRows); ok {
		c.r.FieldsPerRecord = -1 // a row that is too short says none, and does not lose the others
	}
	c := &columnIDs{rows: rows, column: column, at: -1, space: cmp.Or(space, column)}
	if _, later := rows.(*jsonRows); !later && !c.found() {
		return nil, fmt.Errorf("the first line does not name a column %s", tame(column))
	}
	return c, nil
}

// mostID is how long a line may be.
const mostID = 64 << 10

// lineIDs reads one identifier on each line. An empty line is none.
type lineIDs struct {
	in    *bufio.Reader
	space string // empty: each line says its own
	line  int64
}

func (l *lineIDs) Next() (kith.Identifier, int64, error) {
	for {
		text, err := l.in.ReadSlice('\n')
		l.line++
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			return kith.Identifier{}, l.line, fmt.Errorf("line %d is longer than 64 KiB", l.line)
		case err != nil && err != io.EOF:
			return kith.Identifier{}, l.line, err
		case l.line == 1:
			text = bytes.TrimPrefix(text, mark)
		}
		if text = bytes.TrimSpace(text); len(text) > 0 {
			return l.read(string(text)), l.line, nil
		}
		if err == io.EOF {
			return kith.Identifier{}, l.line, io.EOF
		}
	}
}

func (l *lineIDs) read(text string) kith.Identifier {
	if l.space != "" {
		return kith.Identifier{Space: l.space, Value: text}
	}
	space, value, ok := strings.Cut(text, "=")
	if !ok {
		return kith.Identifier{}
	}
	return kith.Identifier{Space: strings.TrimSpace(space), Value: strings.TrimSpace(value)}
}

// columnIDs reads the values of one column.
type columnIDs struct {
	rows   engine.TableRows
	column string
	at     int // of the column; -1: it is not met yet
	space  string
}

func (c *columnIDs) found() bool {
	for i, name := range c.rows.Columns() {
		if name == c.column && c.at < 0 {
			c.at = i
		}
	}
	return c.at >= 0
}

func (c *columnIDs) Next() (kith.Identifier, int64, error) {
	row, line, err := c.rows.Next()
	if err != nil {
		return kith.Identifier{}, line, err
	}
	if !c.found() || c.at >= len(row) {
		return kith.Identifier{}, line, nil
	}
	return kith.Identifier{Space: c.space, Value: strings.TrimSpace(row[c.at])}, line, nil
}
