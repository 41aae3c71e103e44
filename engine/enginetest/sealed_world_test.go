package enginetest

import (
	"math/rand/v2"
	"strings"

	"github.com/kithdb/kith/query"
)

// What crowd's events say and is sealed: a comment, by its name; what looks like
// an e-mail address; and an identifier of the event, of six letters or more.

// word gives a property that says texts: some, or all, of the last three are sealed.
func word(r *rand.Rand) string {
	return one(r, "properties.sku", "properties.sku", "properties.comment", "properties.via", "properties.ref")
}

// wording gives what they say.
func wording(r *rand.Rand) string {
	return one(r, "'a'", "'b'", "'C'", "'c'", "'ada@example.org'", "'Bob@Example.org'", "'anon-1'")
}

// sealedLeaf asks what is sealed in other ways than for equality.
func sealedLeaf(r *rand.Rand) string {
	switch r.IntN(7) {
	case 0:
		return one(r, "properties.comment", "properties.via", "properties.ref") + one(r, " IS NULL", " IS NOT NULL")
	case 1:
		return word(r) + one(r, " IN ", " NOT IN ") + "('a', 'ada@example.org', 'anon-1'" + one(r, "", ", NULL") + ")"
	case 2:
		return word(r) + " " + one(r, "LIKE '%@%'", "NOT LIKE 'a%'", "ILIKE '%example.org'", "REGEXP '^[a-z]+@'")
	case 3:
		return "lower(" + word(r) + ") " + op(r) + " " + one(r, "'c'", "'bob@example.org'", "'a'")
	case 4:
		return "length(" + word(r) + ") " + op(r) + " " + one(r, "1", "6", "15")
	case 5:
		return one(r, "text("+word(r)+") "+op(r)+" profiles.plan", "properties.comment < ts", "number(properties.via) < profiles.ltv")
	}
	return one(r, "properties.comment ", "properties.via ") + one(r, "= 2", "> 1", "= TRUE", "IS NOT TRUE", "<> 2.5", "<=> 2")
}

// sealedOf tells which fields of an event are sealed.
func sealedOf(ev, fields map[string]any) map[string]bool {
	sealed := map[string]bool{}
	for path, v := range fields {
		text, _ := v.(string)
		own := len(text) >= 6 && (v == ev["userId"] || v == ev["anonymousId"])
		if strings.Contains(path, ".") && (own || strings.Contains(text, "@") || strings.HasSuffix(strings.TrimSuffix(path, "[]"), ".comment")) {
			sealed[path] = true
		}
	}
	return sealed
}

// sealedTypes notes that there are fields of which the table columns need not know.
func (s *slow) sealedTypes() {
	for _, o := range s.souls {
		for _, d := range o.events {
			for path := range d.sealed {
				s.types[strings.TrimSuffix(path, "[]")] = query.Text
			}
		}
	}
}

// said gives what an event says at a path; nil: nothing that may be looked at.
func (s *slow) said(d *deed, path string) any {
	if s.clear && d.sealed[path] {
		return nil
	}
	return d.fields[path]
}

// worked walks what a computed trait is: what is sealed is missing there.
func (s *slow) worked(name string, o *soul) any {
	in := *s
	in.clear = true
	return in.value(s.computed[name], o, nil)
}
