package query

import (
	"slices"
	"strconv"
)

// Bounds of what a person's events say, as one text: the state keeps each
// different one that anybody ever had. What is beyond them is missing, and not
// cut: has would give a wrong answer.
const (
	mostGathered  = 100     // different texts
	gatheredBytes = 8 << 10 // of the JSON
)

// gathered makes the different texts that the events say ready, as a JSON array
// in the order of bytes, or as an object that has how many events say each.
func (c *compiler) gathered(a *Agg) get[string] {
	l := c.leafOf(a.Where)
	of := inLeaf(c, l, func() get[string] { return c.text(a.Of) })
	ends := "[]"
	if a.Fn == Counts {
		ends = "{}"
	}
	return func(e *env) (string, bool) {
		seen := collect(l, of, e, &e.texts)
		slices.Sort(seen)
		out, different := []byte(ends[:1]), 0
		for i := 0; i < len(seen); different++ {
			n := i
			for n < len(seen) && seen[n] == seen[i] {
				n++
			}
			if different > 0 {
				out = append(out, ',')
			}
			out = appendJSON(out, seen[i])
			if a.Fn == Counts {
				out = strconv.AppendInt(append(out, ':'), int64(n-i), 10)
			}
			i = n
		}
		clear(seen) // they may be a person's
		out = append(out, ends[1])
		return string(out), different > 0 && different <= mostGathered && len(out) <= gatheredBytes
	}
}

// appendJSON writes a text as JSON to the byte as DuckDB's to_json does, which is
// not how encoding/json writes it.
func appendJSON(dst []byte, text string) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	for i := range len(text) {
		switch b := text[i]; b {
		case '"', '\\':
			dst = append(dst, '\\', b)
		case '\b':
			dst = append(dst, '\\', 'b')
		case '\f':
			dst = append(dst, '\\', 'f')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			if b < ' ' {
				dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
			} else {
				dst = append(dst, b)
			}
		}
	}
	return append(dst, '"')
}

// gather puts the texts of each person together.
func (r *renderer) gather(a *Agg, of, rows string) string {
	ends, each := [2]string{"[", "]"}, "to_json(v)::VARCHAR"
	if a.Fn == Counts {
		ends, each = [2]string{"{", "}"}, each+" || ':' || n::VARCHAR"
	}
	return "SELECT id, v FROM (SELECT id, '" + ends[0] + "' || string_agg(" + each + ", ',' ORDER BY v) || '" + ends[1] + "' AS v, count(*) AS n FROM (SELECT e.profile_id AS id, " + of + " AS v, count(*) AS n" + rows +
		" GROUP BY 1, 2) WHERE v IS NOT NULL GROUP BY id) WHERE n <= " + strconv.Itoa(mostGathered) + " AND strlen(v) <= " + strconv.Itoa(gatheredBytes)
}
