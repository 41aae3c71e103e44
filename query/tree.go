package query

import (
	"time"
)

// Cond is a condition over a person; inside an Events or a Table, over one
// event of that person, or one row. It is true, false, or unknown, where a
// value that it needs is missing.
//
// The conditions are And, Or, Not, Const, Compare, In, Like, Missing, Truth,
// Exists, Near, Member, OnList and Listed.
type Cond interface{ cond() }

// And is true where all are.
type And []Cond

// Or is true where one is.
type Or []Cond

// Not is true where the condition is false; unknown stays unknown.
type Not struct{ Cond Cond }

// Const is true or false for everybody.
type Const bool

// Compare compares two values of one type. Unless Op is Same it is unknown where one is missing.
type Compare struct {
	Op   Op
	L, R Value
}

// Op is how two values are compared.
type Op string

// The comparisons. Same is equality in which missing equals missing: it is never unknown.
const (
	Equal    Op = "="
	Unequal  Op = "<>"
	Less     Op = "<"
	AtMost   Op = "<="
	More     Op = ">"
	AtLeast  Op = ">="
	Same     Op = "<=>"
	noneOfOp Op = ""
)

// In is true where a value equals one of a list. Null says that NULL stood in
// the list: then it is unknown where it would be false.
type In struct {
	V    Value
	List []Literal
	Null bool
}

// Like is true where a text has a form: % stands for any characters, _ for one.
// With Regexp the pattern is an RE2 that matches anywhere; with Fold letter case
// makes no difference.
type Like struct {
	V       Value
	Pattern string
	Escape  rune // makes the next character stand for itself; 0: none does
	Fold    bool
	Regexp  bool
}

// Missing is true where a value is missing. It is never unknown.
type Missing struct{ V Value }

// Truth is a value that is true or false by itself: unknown where it is missing.
type Truth struct{ V Value }

// Exists is true for who has an event for which Where is true. It is never unknown.
type Exists struct{ Where Cond }

// Near is true for an event that another one of the person's follows, or with
// Back precedes, in the order of time, time received and message id: one for
// which Where is true, at least Least and less than Most away. As long as it may
// still come to follow (now lies before the end of Most) it is unknown.
type Near struct {
	Where       Cond
	Back        bool
	Least, Most Gap
}

// Gap is a span between two events, months first; zero: any.
type Gap struct {
	Months int64
	Span   time.Duration
}

// Member is true for the members of another segment.
type Member struct{ Segment string }

// OnList is true for who has one of the identifiers of a static list. It is never unknown.
type OnList struct{ List string }

// Listed is true where a value stands in a column of a reference table, in a
// row for which Where is true. It is unknown where the value is missing.
type Listed struct {
	V             Value
	Table, Column string
	Where         Cond
}

func (And) cond()      {}
func (Or) cond()       {}
func (Not) cond()      {}
func (Const) cond()    {}
func (*Compare) cond() {}
func (*In) cond()      {}
func (*Like) cond()    {}
func (*Missing) cond() {}
func (*Truth) cond()   {}
func (*Exists) cond()  {}
func (*Near) cond()    {}
func (*Member) cond()  {}
func (*OnList) cond()  {}
func (*Listed) cond()  {}

// Value is something that a person, an event or a row has, or that everybody
// knows. The values are Literal, Instant, Trait, Field, Cell, Call, Whether, Agg,
// Top and Peers.
type Value interface {
	// Type is what the value is read as. What is stored as another type is missing.
	Type() Type
}

// Type is how a value is read.
type Type byte

// The types. Untold is that of a name before something says how to read it.
const (
	Untold Type = 0
	Text   Type = 't'
	Number Type = 'n'
	Bool   Type = 'b'
	Time   Type = 'i' // an instant, in microseconds, UTC
	List   Type = 'l' // an array, as the text of its JSON: only Has reads it
)

// String gives the word for a type.
func (t Type) String() string {
	switch t {
	case Text:
		return "text"
	case Number:
		return "number"
	case Bool:
		return "true or false"
	case Time:
		return "time"
	case List:
		return "array"
	}
	return "any"
}

// Literal is a value that is written in the condition. A number is canonical
// decimal text with at most 29 digits before and 9 after the point.
type Literal struct {
	As   Type
	Text string // of a text or a number
	Bool bool
	Time time.Time
}

// Instant is now() with a span added, months first, or the beginning of its day.
type Instant struct {
	Months int64
	Span   time.Duration
	Day    bool // of the day of that, in UTC
}

// Trait is a trait of the person, or one of the fixed columns first_seen,
// last_seen and known.
type Trait struct {
	Path  string // as in docs/events.md: dots between keys
	Fixed bool
	As    Type
}

// Field is a fixed column of an event (name, kind, ts, received_at, source, group_id), or
// with a dot in its path a leaf of it. Within the Where of a Near, Up says whose:
// 0, of the event that stands near; 1, of the one that it stands near to; and so
// on outwards.
type Field struct {
	Path string
	As   Type
	Up   int
}

// Leaf is the path of the leaf that the field is kept as.
func (f *Field) Leaf() string {
	if f.Path == groupID {
		return "groupId"
	}
	return f.Path
}

// Cell is a column of the row of a reference table.
type Cell struct {
	Column string
	As     Type
}

// Shift is a time with a span added, months first.
type Shift struct {
	V      Value
	Months int64
	Span   time.Duration
}

// Call is a pure function of values.
type Call struct {
	Fn   Func
	Args []Value
}

// Func names a pure function.
type Func string

// The functions.
const (
	Lower    Func = "lower"    // text, letter case folded
	Length   Func = "length"   // number of characters
	Coalesce Func = "coalesce" // the first that is not missing
	Date     Func = "date"     // the beginning of a time's day, UTC
	Years    Func = "age"      // whole years from a time to now

	Plus     Func = "+" // of two numbers, as the next three: missing where it does not fit
	Minus    Func = "-"
	Times    Func = "*"            // rounded half to even at the ninth place
	Over     Func = "/"            // so, too; missing where the second is 0
	Days     Func = "days_between" // whole days of 24 hours from one time to another, towards 0
	Year     Func = "year"         // a part of a time, UTC, as the next four
	Month    Func = "month"
	MonthDay Func = "day"
	Hour     Func = "hour"
	Weekday  Func = "dayofweek" // from 0, Sunday

	Trunc     Func = "date_trunc" // of a unit and a time: where the unit begins that the time is in, UTC
	LocalTime Func = "local_time" // of a time and a zone: what the clock shows there, as a time
	UTCTime   Func = "utc_time"   // the same backwards: the first time at which it shows that, or a later one

	Anniversary     Func = "anniversary"      // the beginning of the day of the last anniversary of a time, UTC
	NextAnniversary Func = "next_anniversary" // of the first after today

	Distance Func = "distance_km" // along a great circle, of two points: each a latitude and a longitude in degrees
	Bucket   Func = "bucket"      // of the person, from 0: a salt if there is one, and how many there are

	Has Func = "has" // whether an array has an element, a text or a number that is written out

	Tier Func = "tier" // of a number, a text, and numbers and texts in turns: the text between its neighbours
)

// Whether is a condition as a value, missing where it is unknown. It stands in an
// Agg that takes the value of one event, and over a person in IS TRUE and its like.
type Whether struct{ Cond Cond }

// Agg is what the events of a person for which Where is true come to.
type Agg struct {
	Fn    AggFunc
	Of    Value // nil: the events themselves
	Desc  bool  // of Nth: from the last
	N     int64 // of Nth: from 1; of Periods: how many events it takes
	Last  Last  // of Periods
	Where Cond  // nil: all

	Percent string // of Percentile: canonical decimal text, above 0 and at most 100

	Text string        // of Share: what is said
	Half time.Duration // of Share: in which an event's weight halves; 0: all weigh the same
}

// Last are so many periods of one length, one after another. Without End the last
// ends now, and what happens now is in it; what happened where the first begins is
// in none. End is the beginning of a day or of another unit: then each has its
// beginning, and not its end. With Zone that is by the clock of a place, and so is
// where the others begin: a day has what hours it has there.
type Last struct {
	Periods int64  // at least 1 and at most 400
	Every   Gap    // months or a span; with Zone whole days
	End     Value  // made of now()
	Zone    string // empty: UTC
}

// AggFunc names what is done with the events.
type AggFunc string

// The aggregates. Over no events, or none that has the value, counts are 0 and
// the others missing. Nth takes the value of one event, in the order of time,
// time received, message id; it is missing where that event lacks it. Of texts
// that several events say, and equally many, the first in order is taken.
const (
	Count    AggFunc = "count"
	Distinct AggFunc = "count distinct"
	Sum      AggFunc = "sum"
	Avg      AggFunc = "avg"
	Min      AggFunc = "min"
	Max      AggFunc = "max"
	Nth      AggFunc = "nth"
	Periods  AggFunc = "active_periods" // in how many of Last there are N events or more

	Percentile    AggFunc = "percentile"     // of n numbers the ⌈n·Percent/100⌉-th smallest
	MostFrequent  AggFunc = "most_frequent"  // the text that most events say, at least two
	LeastFrequent AggFunc = "least_frequent" // of the texts that at least two say, that which fewest do
	UniqueList    AggFunc = "unique_list"    // the different texts that events say, as a JSON array in order
	Counts        AggFunc = "counts"         // how many events say each, as a JSON object in that order
	Share         AggFunc = "share"          // of what the events that say a text weigh, the part of those that say Text
)

// Top is the least of the greatest N percent of a number over all people who
// have it: of n people the ⌈n·N/100⌉-th from above.
type Top struct {
	Percent string // canonical decimal text, above 0 and at most 100
	Of      Value
}

// counts tells whether it is 0 over no events.
func (f AggFunc) counts() bool { return f == Count || f == Distinct || f == Periods }

// Type implements Value.
func (l Literal) Type() Type { return l.As }
func (Instant) Type() Type   { return Time }
func (t *Trait) Type() Type  { return t.As }
func (f *Field) Type() Type  { return f.As }
func (c *Cell) Type() Type   { return c.As }
func (s *Shift) Type() Type  { return Time }
func (t *Top) Type() Type    { return Number }
func (Whether) Type() Type   { return Bool }

// Type is the type of what the function gives.
func (c *Call) Type() Type {
	switch c.Fn {
	case Lower:
		return Text
	case Length, Years, Plus, Minus, Times, Over, Days, Year, Month, MonthDay, Hour, Weekday, Distance, Bucket:
		return Number
	case Tier:
		return Text
	case Has:
		return Bool
	case Date, Trunc, LocalTime, UTCTime, Anniversary, NextAnniversary:
		return Time
	}
	for _, a := range c.Args {
		if t := a.Type(); t != Untold {
			return t
		}
	}
	return Untold
}

// Type is that of the value, but for counts, sums and averages.
func (a *Agg) Type() Type {
	switch a.Fn {
	case Min, Max, Nth:
		return a.Of.Type()
	case MostFrequent, LeastFrequent, UniqueList, Counts:
		return Text
	}
	return Number
}
