package query

// Place gives the line and column at which a text asks for something by its
// name: "segment x", "list x", "table x" or "column x of table y". False: nowhere.
func Place(src, what string) (line, column int, ok bool) {
	tokens, err := lex(src)
	if err != nil {
		return 0, 0, false
	}
	r := &reader{src: src, tokens: tokens, values: map[int]value{}}
	e, err := r.parse()
	if err != nil {
		return 0, 0, false
	}
	l := &lowering{r: r, places: map[string]int{}}
	if _, err := l.cond(&scope{kind: person}, e); err != nil {
		return 0, 0, false
	}
	pos, ok := l.places[what]
	p := at(src, pos, "")
	return p.Line, p.Column, ok
}

// found notes that something is asked for at the last place.
func (l *lowering) found(what string) {
	if _, ok := l.places[what]; !ok && l.places != nil {
		l.places[what] = l.last
	}
}
