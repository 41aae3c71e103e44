package query

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// truth3 is what a condition is for somebody.
type truth3 uint8

// What a condition can be, in the order in which AND takes the least.
const (
	isFalse truth3 = iota
	isUnknown
	isTrue
)

func truthOf(b bool) truth3 {
	if b {
		return isTrue
	}
	return isFalse
}

// datum is a value that was worked out; as Untold: it is missing.
type datum struct {
	as   Type
	text string
	num  Num
	is   bool
	at   time.Time
}

// reckoner works out conditions where all that they look at is given by look:
// one trait of somebody, or name and kind of an event. Events there are none.
type reckoner struct {
	now  time.Time
	look func(v Value) datum // a Trait or a Field; nil: there is none
	like map[*Like]*pattern
	nums map[string]Num // what is written
}

func (k *reckoner) cond(c Cond) truth3 {
	switch x := c.(type) {
	case And:
		least := isTrue
		for _, c := range x {
			least = min(least, k.cond(c))
		}
		return least
	case Or:
		most := isFalse
		for _, c := range x {
			most = max(most, k.cond(c))
		}
		return most
	case Not:
		return isTrue - k.cond(x.Cond)
	case Const:
		return truthOf(bool(x))
	case *Missing:
		return truthOf(k.value(x.V).as == Untold)
	case *Truth:
		if d := k.value(x.V); d.as != Untold {
			return truthOf(d.is)
		}
		return isUnknown
	case *Like:
		if d := k.value(x.V); d.as != Untold {
			return truthOf(k.pattern(x).match(d.text))
		}
		return isUnknown
	case *In:
		return k.in(x)
	case *Compare:
		return k.compare(x)
	case *Exists:
		return isFalse
	}
	panic("unreachable: planned to be answered otherwise")
}

func (k *reckoner) in(x *In) truth3 {
	d := k.value(x.V)
	if d.as == Untold {
		return isUnknown
	}
	for _, l := range x.List {
		if compareData(d, k.value(l)) == 0 {
			return isTrue
		}
	}
	if x.Null {
		return isUnknown
	}
	return isFalse
}

func (k *reckoner) compare(x *Compare) truth3 {
	a, b := k.value(x.L), k.value(x.R)
	switch {
	case x.Op == Same && (a.as == Untold || b.as == Untold):
		return truthOf(a.as == b.as)
	case a.as == Untold || b.as == Untold:
		return isUnknown
	}
	return truthOf(holds(x.Op, compareData(a, b)))
}

func compareData(a, b datum) int {
	switch a.as {
	case Number:
		return a.num.Cmp(b.num)
	case Time:
		return a.at.Compare(b.at)
	case Bool:
		return order(Literal{As: Bool, Bool: a.is}, Literal{As: Bool, Bool: b.is})
	}
	return strings.Compare(a.text, b.text)
}

func (k *reckoner) value(v Value) datum {
	switch x := v.(type) {
	case Literal:
		if x.As == Number {
			return datum{as: Number, num: k.written(x.Text)}
		}
		return datum{as: x.As, text: x.Text, is: x.Bool, at: x.Time}
	case Instant:
		return datum{as: Time, at: x.At(k.now)}
	case *Trait, *Field:
		return k.look(v)
	case *Shift:
		d := k.value(x.V)
		if d.as != Untold {
			d.at = Add(d.at, x.Months, x.Span)
		}
		return d
	case *Call:
		return k.call(x)
	case *Agg:
		if x.Fn.counts() {
			return datum{as: Number}
		}
		return datum{}
	}
	panic("unreachable: planned to be answered otherwise")
}

// written reads a number of the condition once.
func (k *reckoner) written(text string) Num {
	n, ok := k.nums[text]
	if !ok {
		if k.nums == nil {
			k.nums = map[string]Num{}
		}
		n = billionths(text)
		k.nums[text] = n
	}
	return n
}

func (k *reckoner) call(x *Call) datum {
	if x.Fn == Coalesce {
		for _, a := range x.Args {
			if d := k.value(a); d.as != Untold {
				return d
			}
		}
		return datum{}
	}
	if t, ok := x.timed(); ok {
		return k.moved(t, x.move())
	}
	d := k.value(x.Args[0])
	if d.as == Untold {
		return d
	}
	switch x.Fn {
	case Plus, Minus, Times, Over, Days:
		return k.calculate(x.Fn, d, k.value(x.Args[1]))
	case Tier:
		var cuts []Dec
		for i := 2; i < len(x.Args); i += 2 {
			cuts = append(cuts, decOf(k.value(x.Args[i])))
		}
		return k.value(x.Args[1+2*tierOf(decOf(d), cuts)])
	case Distance:
		return k.distance(x)
	case Has:
		return k.has(d.text, x.Args[1].(Literal))
	case Lower:
		d.text = Fold(d.text)
	case Length:
		return datum{as: Number, num: billions(int64(utf8.RuneCountInString(d.text)))}
	case Years:
		return k.years(d.at)
	case Year, Month, MonthDay, Hour, Weekday, Anniversary, NextAnniversary:
		return k.calendar(x.Fn, d.at)
	}
	return d
}

// moved works out what is made of a time.
func (k *reckoner) moved(v Value, by move) datum {
	d := k.value(v)
	if d.as != Untold {
		d.at = time.UnixMicro(by.of(d.at.UnixMicro())).UTC()
	}
	return d
}

func decOf(d datum) Dec { return Dec{d.num.Lo, d.num.Hi} }

func (k *reckoner) calculate(fn Func, a, b datum) datum {
	switch {
	case b.as == Untold:
		return b
	case fn == Days:
		days, _, _ := daysBetween(a.at.UnixMicro(), b.at.UnixMicro())
		return datum{as: Number, num: billions(days)}
	}
	d, ok := Calculate(fn, decOf(a), decOf(b))
	if !ok {
		return datum{}
	}
	return datum{as: Number, num: Num{d.Hi, d.Lo}}
}

// years counts the whole years from a time to now; there are none to what lies ahead.
func (k *reckoner) years(from time.Time) datum {
	if from.After(k.now) {
		return datum{}
	}
	n := int64(k.now.Year() - from.Year())
	if Add(from, 12*n, 0).After(k.now) {
		n--
	}
	return datum{as: Number, num: billions(n)}
}

// billions gives a small whole number in billionths.
func billions(n int64) Num { return WholeNum(n * 1_000_000_000) }

// read gives a text as a type; what has another is missing.
func readText(text string, as Type) datum {
	switch as {
	case Text, Untold:
		return datum{as: Text, text: text}
	case Time:
		if t, ok := ParseTime(text); ok {
			return datum{as: Time, at: t}
		}
	}
	return datum{}
}

// pattern is a Like, made ready.
type pattern struct {
	re   *regexp.Regexp
	fold bool
	like []likeRune
}

// likeRune is one character of a pattern, or what stands for some.
type likeRune struct {
	r    rune
	some byte // '%' or '_'
}

func (k *reckoner) pattern(l *Like) *pattern {
	p := k.like[l]
	if p != nil {
		return p
	}
	p = &pattern{fold: l.Fold}
	if l.Regexp {
		p.re = regexp.MustCompile(l.Pattern) // check has compiled it
	} else {
		escaped := false
		for _, r := range l.Pattern {
			switch {
			case !escaped && l.Escape != 0 && r == l.Escape:
				escaped = true
				continue
			case !escaped && (r == '%' || r == '_'):
				p.like = append(p.like, likeRune{some: byte(r)})
			case l.Fold:
				p.like = append(p.like, likeRune{r: foldRune(r)})
			default:
				p.like = append(p.like, likeRune{r: r})
			}
			escaped = false
		}
	}
	if k.like == nil {
		k.like = map[*Like]*pattern{}
	}
	k.like[l] = p
	return p
}

// match tells whether a text has the form. It goes back to the last % alone, so
// that it takes at most the product of both lengths.
func (p *pattern) match(text string) bool {
	if p.re != nil {
		return p.re.MatchString(text)
	}
	at, star, from := 0, -1, 0
	for i := 0; i < len(text); {
		r, w := utf8.DecodeRuneInString(text[i:])
		if p.fold {
			r = foldRune(r)
		}
		switch {
		case at < len(p.like) && p.like[at].some == '%':
			star, from = at, i
			at++
			continue
		case at < len(p.like) && (p.like[at].some == '_' || p.like[at].some == 0 && p.like[at].r == r):
			at++
			i += w
			continue
		case star < 0:
			return false
		}
		_, w = utf8.DecodeRuneInString(text[from:])
		from += w
		at, i = star+1, from
	}
	for at < len(p.like) && p.like[at].some == '%' {
		at++
	}
	return at == len(p.like)
}
