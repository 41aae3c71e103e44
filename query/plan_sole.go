package query

import "time"

// Sole is a condition about one trait alone, and what everybody knows. It is
// used by one goroutine at a time.
type Sole struct {
	Trait *Trait
	Kept  Type // what the trait is kept as
	cond  Cond
	r     reckoner
	has   datum // of who is looked at
}

func newSole(t *Trait, kept Type, c Cond, now time.Time) *Sole {
	s := &Sole{Trait: t, Kept: kept, cond: c, r: reckoner{now: now}}
	s.r.look = func(v Value) datum {
		as := v.Type()
		switch {
		case s.has.as == Text:
			return readText(s.has.text, as)
		case s.has.as == as || as == Untold:
			return s.has
		}
		return datum{}
	}
	return s
}

func (s *Sole) of(d datum) bool {
	s.has = d
	return s.r.cond(s.cond) == isTrue
}

// OfNone tells whether it is true for who has no value.
func (s *Sole) OfNone() bool { return s.of(datum{}) }

// OfText tells whether it is true for a text.
func (s *Sole) OfText(text string) bool { return s.of(datum{as: Text, text: text}) }

// OfBool tells whether it is true for true, or false.
func (s *Sole) OfBool(b bool) bool { return s.of(datum{as: Bool, is: b}) }

// OfNum tells whether it is true for a number in billionths, or a time in microseconds.
func (s *Sole) OfNum(n Num) bool {
	if s.Kept == Time {
		return s.of(datum{as: Time, at: time.UnixMicro(int64(n.Lo)).UTC()})
	}
	return s.of(datum{as: Number, num: n})
}

// Ranges gives the numbers in billionths, or times in microseconds, for which it
// is true. It is not ok where each has to be looked at by OfNum.
func (s *Sole) Ranges() ([]Range, bool) {
	out, ok := splits(s.cond, subject{trait: s.Trait, kept: s.Kept}, s.r.now)
	return out.yes, ok
}

// Texts gives texts beside which it is true for none; of these OfText tells. It
// is not ok where it may be true for any.
func (s *Sole) Texts() ([]string, bool) { return s.texts(s.cond) }

func (s *Sole) texts(c Cond) ([]string, bool) {
	switch x := c.(type) {
	case And:
		for _, c := range x {
			if out, ok := s.texts(c); ok {
				return out, true
			}
		}
	case Or:
		var out []string
		for _, c := range x {
			some, ok := s.texts(c)
			if !ok {
				return nil, false
			}
			out = append(out, some...)
		}
		return out, true
	case *In:
		if t, ok := x.V.(*Trait); ok && t.As == Text {
			var out []string
			for _, l := range x.List {
				out = append(out, l.Text)
			}
			return out, true
		}
	case *Compare:
		t, ok := x.L.(*Trait)
		l, written := x.R.(Literal)
		if ok && written && t.As == Text && (x.Op == Equal || x.Op == Same) {
			return []string{l.Text}, true
		}
	}
	return nil, false
}

// subject is what splits asks about: a trait, a count of events, or a fixed
// field of an event.
type subject struct {
	trait *Trait
	kept  Type
	agg   *Agg
	field string
}

// is tells whether a value is the subject, read as what it is.
func (s *subject) is(v Value) bool {
	switch x := v.(type) {
	case *Trait:
		return s.trait != nil && (x.As == s.kept || x.As == Untold) && (s.kept == Number || s.kept == Time)
	case *Agg:
		return s.agg != nil && x.Fn == s.agg.Fn // topicOf has seen that there is no other
	case *Field:
		return s.field != "" && x.Path == s.field
	}
	return false
}

// exists tells whether EXISTS is about the subject.
func (s *subject) exists() bool { return s.agg != nil && s.agg.Fn == Count && s.agg.Of == nil }
