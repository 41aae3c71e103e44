package engine

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
	"github.com/kithdb/kith/storage/history"
)

// The types of a reference table's columns, as SQL spells them.
const (
	cellText   = "VARCHAR"
	cellNumber = "DECIMAL(38,9)"
	cellTime   = "TIMESTAMP"
	cellFact   = "BOOLEAN"
)

// cellTypes are the types by the words that a user may say.
var cellTypes = map[string]string{
	"text": cellText, "number": cellNumber, "time": cellTime, "boolean": cellFact, "bool": cellFact,
	"varchar": cellText, "decimal": cellNumber, "decimal(38,9)": cellNumber, "timestamp": cellTime,
}

// readNumber reads a cell as DECIMAL(38,9): digits as JSON spells a number, no
// exponent, which codes look like, and no zero in front, which codes have.
func readNumber(s string) (lo, hi uint64, ok bool) {
	if s == "" || s[0] > '9' || s[0] < '-' || strings.ContainsAny(s, "eE") {
		return 0, 0, false
	}
	var room [48]byte
	return history.ParseDecimal(append(room[:0], s...))
}

// layouts are the spellings of an instant. One without a zone is UTC.
var layouts = []string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02 15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05",
	time.DateOnly, "2006-01-02T15:04", "2006-01-02 15:04", "2006-01-02T15:04Z07:00", "2006-01-02 15:04Z07:00",
}

// readTime reads a cell as an instant in whole microseconds.
func readTime(s string) (us int64, ok bool) {
	if len(s) < len(time.DateOnly) || s[4] != '-' || s[7] != '-' || s[0] < '0' || s[0] > '9' {
		return 0, false
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMicro(), t.Nanosecond()%1000 == 0
		}
	}
	return 0, false
}

func readFact(s string) (fact, ok bool) {
	switch s {
	case "true", "TRUE", "True":
		return true, true
	case "false", "FALSE", "False":
		return false, true
	}
	return false, false
}

// reads tells whether a cell reads as a type.
func reads(of, s string) (ok bool) {
	switch of {
	case cellNumber:
		_, _, ok = readNumber(s)
	case cellTime:
		_, ok = readTime(s)
	case cellFact:
		_, ok = readFact(s)
	default:
		ok = true
	}
	return ok
}

// guess is what the values of a column can all be read as.
type guess struct {
	name  string
	given string   // the type that was asked for; empty: none
	left  []string // types that all so far read as
	any   bool     // there is a value
}

// see looks at a value and tells whether it is of the type that was asked for.
func (g *guess) see(s string) bool {
	if s == "" {
		return true
	}
	if g.given != "" {
		return reads(g.given, s)
	}
	g.any = true
	for i := 0; i < len(g.left); {
		if reads(g.left[i], s) {
			i++
		} else {
			g.left = slices.Delete(g.left, i, i+1)
		}
	}
	return true
}

// is gives the type.
func (g *guess) is() string {
	switch {
	case g.given != "":
		return g.given
	case g.any && len(g.left) > 0:
		return g.left[0] // nothing reads as two of them
	}
	return cellText
}

// guesses are the columns of a table while it is read.
type guesses struct {
	columns []*guess
	given   map[string]string // what is asked for and not met yet, by name in small letters
}

// mostColumns bounds the columns of a table.
const mostColumns = 1000

func newGuesses(types map[string]string) (*guesses, error) {
	g := &guesses{given: map[string]string{}}
	for name, word := range types {
		of, ok := cellTypes[strings.ToLower(word)]
		if !ok {
			return nil, fmt.Errorf("column %q: a type is text, number, time or boolean", name)
		}
		g.given[strings.ToLower(name)] = of
	}
	return g, nil
}

// meet takes over columns that are new.
func (g *guesses) meet(names []string) error {
	for i := len(g.columns); i < len(names); i++ {
		name := names[i]
		low := strings.ToLower(name)
		for k, c := range g.columns {
			if strings.ToLower(c.name) == low {
				return fmt.Errorf("column %d has the name of column %d, %q", i+1, k+1, c.name)
			}
		}
		switch {
		case name == "" || strings.ContainsRune(name, 0):
			return fmt.Errorf("column %d has no name", i+1)
		case i == mostColumns:
			return fmt.Errorf("there are more than %d columns", mostColumns)
		}
		g.columns = append(g.columns, &guess{name: name, given: g.given[low], left: []string{cellNumber, cellTime, cellFact}})
		delete(g.given, low)
	}
	return nil
}

// place gives the place of a column.
func (g *guesses) place(name string) (int, error) {
	i := slices.IndexFunc(g.columns, func(c *guess) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return 0, fmt.Errorf("there is no column %q", name)
	}
	return i, nil
}

// keyPrint is what two cells of a key have alike when they are the same in the type of their column.
func keyPrint(of, s string, dst []byte) []byte {
	switch of {
	case cellNumber:
		if lo, hi, ok := readNumber(s); ok {
			return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(append(dst, 'n'), hi), lo)
		}
	case cellTime:
		if us, ok := readTime(s); ok {
			return binary.BigEndian.AppendUint64(append(dst, 't'), uint64(us))
		}
	case cellFact:
		if fact, ok := readFact(s); ok && fact {
			return append(dst, 'b', 1)
		} else if ok {
			return append(dst, 'b', 0)
		}
	}
	dst = binary.AppendUvarint(append(dst, 's'), uint64(len(s)))
	return append(dst, s...)
}

// loosePrint is alike wherever keyPrint is, whatever type the column will have.
func loosePrint(s string, dst []byte) []byte {
	for _, of := range []string{cellNumber, cellTime, cellFact} {
		if reads(of, s) {
			return keyPrint(of, s, dst)
		}
	}
	return keyPrint(cellText, s, dst)
}

// vectorOf gives the texts of a column in its type.
func vectorOf(of string, cells []string) (history.Vector, int64, error) {
	v := history.Vector{}
	size := int64(64)
	none := func(i int) {
		if v.Null == nil {
			v.Null = make([]uint64, (len(cells)+63)/64)
		}
		v.Null[i>>6] |= 1 << (i & 63)
	}
	ok := true
	switch of {
	case cellNumber:
		v.Dec = make([][2]uint64, len(cells))
		size += 16 * int64(len(cells))
	case cellTime:
		v.I64 = make([]int64, len(cells))
		size += 8 * int64(len(cells))
	case cellFact:
		v.Bool = make([]bool, len(cells))
		size += int64(len(cells))
	default:
		v.Str = cells
		size += 16 * int64(len(cells))
	}
	for i, s := range cells {
		fits := true
		switch {
		case s == "":
			none(i)
		case of == cellNumber:
			v.Dec[i][0], v.Dec[i][1], fits = readNumber(s)
		case of == cellTime:
			v.I64[i], fits = readTime(s)
		case of == cellFact:
			v.Bool[i], fits = readFact(s)
		default:
			size += int64(len(s))
		}
		ok = ok && fits
	}
	if !ok {
		return v, 0, &kith.Error{Op: "engine.Table", Kind: kith.ErrCorrupt, Err: errors.New("a value is not of its column's type")}
	}
	return v, size, nil
}

var fieldOf = map[string]history.FieldType{
	cellText: history.String, cellNumber: history.Decimal, cellTime: history.Timestamp, cellFact: history.Bool,
}

// columnsOf gives the columns with the types that they came to have.
func (g *guesses) columnsOf() []storage.TableColumn {
	out := []storage.TableColumn{}
	for _, c := range g.columns {
		out = append(out, storage.TableColumn{Name: c.name, Type: c.is()})
	}
	return out
}
