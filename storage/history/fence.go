package history

import (
	"maps"
	"strings"
	"unicode/utf8"
)

// word is one token of a statement.
type word struct {
	text  string // of a name: folded, without quotes
	name  bool   // an identifier or a keyword
	quote bool   // a quoted identifier
}

// words cuts a statement into tokens. Comments and the content of strings are
// left out. It need not be exact: where it errs, more is put into the view than
// is needed, or the statement is tried again with everything.
func words(query string) []word {
	var out []word
	for i := 0; i < len(query); {
		c := query[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v':
			i++
		case strings.HasPrefix(query[i:], "--"):
			i = until(query, i, "\n")
		case strings.HasPrefix(query[i:], "/*"):
			i = until(query, i+2, "*/")
		case c == '\'':
			i = closing(query, i+1, '\'')
			out = append(out, word{text: "''"})
		case c == '"':
			end := closing(query, i+1, '"')
			s := strings.TrimSuffix(query[i+1:end], `"`)
			out = append(out, word{fold(strings.ReplaceAll(s, `""`, `"`)), true, true})
			i = end
		case letter(c):
			from := i
			for i < len(query) && (letter(query[i]) || query[i]-'0' < 10 || query[i] == '$') {
				i++
			}
			out = append(out, word{fold(query[from:i]), true, false})
		case c-'0' < 10:
			for i < len(query) && (letter(query[i]) || query[i]-'0' < 10 || query[i] == '.') {
				i++
			}
			out = append(out, word{text: "0"})
		default:
			_, n := utf8.DecodeRuneInString(query[i:])
			out = append(out, word{text: query[i : i+n]})
			i += n
		}
	}
	return out
}

func letter(c byte) bool { return c|0x20-'a' < 26 || c == '_' || c >= 0x80 }

func until(s string, from int, end string) int {
	if i := strings.Index(s[min(from, len(s)):], end); i >= 0 {
		return from + i + len(end)
	}
	return len(s)
}

// closing gives the place behind the quote that ends a string; doubled ones do not.
func closing(s string, i int, quote byte) int {
	for ; i < len(s); i++ {
		if s[i] == quote {
			if i+1 == len(s) || s[i+1] != quote {
				return i + 1
			}
			i++
		}
	}
	return len(s)
}

// table are the names of the views over history.
var table = map[string]bool{"events": true, "all_events": true}

// wants says which part of events a statement can look at.
type wants struct {
	every  bool                  // every table, and every field of events
	all    bool                  // every field of events
	chains map[string][][]string // under each head: the names that follow it, folded
	names  map[string]bool       // every name in the text
}

// newWants reads what a statement mentions. It may find too much, never too little
// of what is named; what a statement sees without naming it sets all or every.
func newWants(query string) *wants {
	w := &wants{chains: map[string][][]string{}, names: map[string]bool{}}
	ws := words(query)
	at := func(i int) word {
		if i < 0 || i >= len(ws) {
			return word{}
		}
		return ws[i]
	}
	alias := w.aliases(ws)
	for i, t := range ws {
		if t.name {
			w.names[t.text] = true
		}
		switch {
		case t.text == "*" && !t.name:
			w.all = w.all || star(at, i, alias)
		case !t.name:
		case wholesale[t.text] && !t.quote:
			w.every, w.all = true, true
		case t.text == "properties" || t.text == "context" || t.text == "traits":
			w.chain(t.text, at, i)
		case alias[t.text] && at(i+1).text != "." && !defines(at, i, table[t.text]):
			w.all = true // the whole row is meant
		}
	}
	return w
}

// wholesale are the words behind which columns appear that nobody named.
var wholesale = map[string]bool{"describe": true, "show": true, "summarize": true, "columns": true, "table": true,
	"query": true, "query_table": true, "pivot": true, "unpivot": true, "natural": true, "positional": true,
	"information_schema": true, "duckdb_columns": true, "duckdb_views": true, "pg_catalog": true, "pg_attribute": true, "pragma_table_info": true}

// aliases finds the names that the views over history go by.
func (w *wants) aliases(ws []word) map[string]bool {
	alias := maps.Clone(table)
	for i, t := range ws {
		if !t.name || !table[t.text] {
			continue
		}
		if i++; i < len(ws) && ws[i].name && ws[i].text == "as" && !ws[i].quote {
			i++
		}
		if i < len(ws) && ws[i].name && (ws[i].quote || !follows[ws[i].text]) {
			alias[ws[i].text] = true
		}
	}
	if len(ws) > 0 && (ws[0].text == "from" || ws[0].text == "desc") { // without SELECT every column is meant
		w.all = true
	}
	for i := 1; i < len(ws); i++ {
		if ws[i].text == "from" && !ws[i-1].name && ws[i-1].text == "(" {
			w.all = true
		}
	}
	return alias
}

// follows are the keywords that can stand behind a table without an alias.
var follows = map[string]bool{"where": true, "group": true, "order": true, "limit": true, "join": true, "left": true, "right": true,
	"inner": true, "full": true, "cross": true, "semi": true, "anti": true, "asof": true, "on": true, "using": true, "union": true,
	"except": true, "intersect": true, "having": true, "window": true, "qualify": true, "sample": true, "tablesample": true, "offset": true,
	"select": true, "natural": true, "positional": true, "lateral": true, "for": true, "fetch": true, "when": true, "then": true,
	"else": true, "end": true, "and": true, "or": true, "from": true}

// defines reports whether the name at i is where a table gets it, not a value.
func defines(at func(int) word, i int, named bool) bool {
	before := at(i - 1)
	if named {
		return before.name && (before.text == "from" || before.text == "join")
	}
	if before.name && before.text == "as" {
		before = at(i - 2)
	}
	return before.name && table[before.text]
}

// star reports whether the * at i stands for columns of events.
func star(at func(int) word, i int, alias map[string]bool) bool {
	switch before := at(i - 1); {
	case before.text == "." && !before.name:
		return alias[at(i-2).text] || at(i-2).text == "properties" || at(i-2).text == "context" || at(i-2).text == "traits"
	case before.name:
		return !before.quote && (before.text == "select" || before.text == "distinct" || before.text == "all" || before.text == "returning")
	case before.text == "(":
		return at(i+1).text != ")" || at(i-2).text != "count"
	case before.text == ",":
		return true
	}
	return false
}

// chain notes the names that follow a head.
func (w *wants) chain(head string, at func(int) word, i int) {
	var names []string
	for at(i+1).text == "." && !at(i+1).name && at(i+2).name {
		names = append(names, at(i+2).text)
		i += 2
	}
	if names == nil {
		w.all = true
		return
	}
	w.chains[head] = append(w.chains[head], names)
}

// field reports whether a statement can look at a field.
func (w *wants) field(f *field) bool {
	if w.all {
		return true
	}
chains:
	for _, c := range w.chains[f.names[0]] {
		for i := range min(len(c), len(f.names)-1) {
			if c[i] != fold(f.names[i+1]) {
				continue chains
			}
		}
		return true
	}
	return false
}
