package bench

import (
	"bufio"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// answer reads rows to the end and gives them as text, one line a row.
func answer(rows *sql.Rows, err error) ([]string, error) {
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	values, at := make([]any, len(names)), make([]any, len(names))
	for i := range values {
		at[i] = &values[i]
	}
	var out []string
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return nil, err
		}
		var b strings.Builder
		for i, v := range values {
			if i > 0 {
				b.WriteString(" | ")
			}
			if t, ok := v.(time.Time); ok {
				v = t.UTC().Format(time.RFC3339Nano)
			}
			fmt.Fprint(&b, v)
		}
		out = append(out, b.String())
	}
	return out, rows.Err()
}

// same tells whether two answers are equal, row by row.
func same(question string, kith, bare []string) error {
	if len(kith) != len(bare) {
		return errDiffers("number of rows of "+question, len(kith), len(bare))
	}
	for i := range kith {
		if kith[i] != bare[i] {
			return errDiffers(fmt.Sprintf("row %d of %s", i+1, question), kith[i], bare[i])
		}
	}
	return nil
}

// tabs writes rows as lines of tabs, as COPY of PostgreSQL and TSV of ClickHouse
// read them. No text of the world holds a tab, a line end or a backslash.
func tabs(to io.Writer, rows *sql.Rows) (err error) {
	defer func() { err = errors.Join(err, rows.Close()) }()
	columns, err := rows.Columns()
	if err != nil {
		return err
	}
	values, at := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		at[i] = &values[i]
	}
	w := bufio.NewWriterSize(to, 1<<20)
	var line []byte
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			return err
		}
		line = line[:0]
		for _, v := range values {
			switch x := v.(type) {
			case nil:
				line = append(line, `\N`...)
			case time.Time:
				line = x.UTC().AppendFormat(line, time.DateTime)
			default:
				line = fmt.Append(line, x)
			}
			line = append(line, '\t')
		}
		line[len(line)-1] = '\n'
		if _, err := w.Write(line); err != nil {
			return err
		}
	}
	return errors.Join(rows.Err(), w.Flush())
}
