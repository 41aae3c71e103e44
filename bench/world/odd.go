package world

import (
	"bytes"
	"iter"
	"strconv"
)

// Odd gives the lines of the world as Lines does, and between them lines that
// should not count: of crawlers, of people who test, with numbers or times that
// cannot be, and things said twice. Each comes with a label: bot, test, outlier,
// impossible, near_duplicate; the world's own lines with none. About one in ten
// of each kind does not show what it is by anything but its label, so that
// nobody who judges by what is in a line can find all.
func (w World) Odd() iter.Seq2[[]byte, string] {
	return func(yield func([]byte, string) bool) {
		if w.Check() != nil {
			return
		}
		o := odd{dice: dice(hash(w.Seed, aboutOdd, 0, 0))}
		w.walk(func(m *maker, ev *event) bool {
			m.line = m.append(m.line[:0], ev)
			if !yield(m.line, "") {
				return false
			}
			if ev.fate != plain {
				return true
			}
			line, label := o.next(m.line, ev)
			return label == "" || yield(line, label)
		})
	}
}

// aboutOdd keeps its dice apart from those of the world.
const aboutOdd = 97

// odd makes lines out of others.
type odd struct {
	dice dice
	n    uint64
	line []byte
}

// Rates, in lines of 1,000 that nothing is wrong with; outliers of orders alone.
const (
	rateBot        = 5
	rateTest       = 4
	rateImpossible = 4
	rateNear       = 8
	rateOutlier    = 60
)

// agents are of crawlers and tools; the last is what a crawler says that does not want to be known.
var agents = [...]string{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
	"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/126.0.0.0 Safari/537.36",
	"facebookexternalhit/1.1 (+http://www.facebook.com/externalhit_uatext.php)",
	"curl/8.5.0", "python-requests/2.32.3", "Go-http-client/2.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
}

// next gives a line that should not count, made of one that does; label is empty when there is none.
func (o *odd) next(line []byte, ev *event) (_ []byte, label string) {
	o.line = append(o.line[:0], line...)
	o.n++
	r := o.dice.roll(1000)
	switch {
	case r < rateBot:
		label = "bot"
		o.put("userAgent", `"`+agents[o.dice.roll(uint64(len(agents)))]+`"`)
		o.put("anonymousId", `"crawler-`+strconv.FormatUint(o.dice.roll(50), 10)+`"`)
	case r < rateBot+rateTest:
		label = "test"
		who := `"qa-` + strconv.FormatUint(o.dice.roll(20), 10) + `"`
		if o.dice.roll(10) == 0 {
			who = `"u_tester"` // a name like any other
		}
		o.put("userId", who)
	case r < rateBot+rateTest+rateImpossible:
		label = "impossible"
		o.impossible(ev)
	case r < rateBot+rateTest+rateImpossible+rateNear:
		label = "near_duplicate"
		apart := int64(o.dice.roll(2000))
		if o.dice.roll(10) == 0 {
			apart = 10_000 + int64(o.dice.roll(50_000)) // a retry that took its time
		}
		o.later(ev, apart)
	case ev.step == stepOrder && r >= 1000-rateOutlier:
		label = "outlier"
		total := `99999.99`
		if o.dice.roll(10) == 0 {
			total = `1234.56` // too much for this shop, and not for the rule
		}
		o.put("total", total)
	default:
		return nil, ""
	}
	hi := hash(uint64(o.dice), aboutOdd, o.n, 1)
	o.put("messageId", string(append(appendUUID([]byte{'"'}, hi, mix(hi)), '"')))
	return o.line, label
}

// impossible makes it happen in a year in which there was no shop, or sells
// less than nothing; a tenth says so by a clock that is an hour wrong.
func (o *odd) impossible(ev *event) {
	s := ev.step
	stamp := "originalTimestamp"
	if o.at("originalTimestamp") < 0 {
		stamp = "timestamp"
	}
	switch r := o.dice.roll(10); {
	case r < 6 || r < 9 && s != stepView && s != stepAdd && s != stepWish:
		o.drop("sentAt")
		o.put(stamp, `"1970-01-01T00:00:0`+strconv.FormatUint(o.dice.roll(10), 10)+`Z"`)
	case r < 9:
		o.put("quantity", "-1")
	default:
		o.later(ev, -hourLen)
	}
}

// later tells the line again, some milliseconds later.
func (o *odd) later(ev *event, ms int64) {
	skew := ev.v.skew
	for _, t := range []struct {
		key string
		at  int64
	}{{"timestamp", ev.at}, {"originalTimestamp", ev.at + skew}, {"sentAt", ev.sent + skew}, {"receivedAt", ev.recv}} {
		if o.at(t.key) >= 0 {
			o.put(t.key, string(append(appendTime([]byte{'"'}, t.at+ms), '"')))
		}
	}
}

// at gives where the value of the first member of a name begins; -1: there is none.
func (o *odd) at(key string) int {
	i := bytes.Index(o.line, []byte(`"`+key+`":`))
	if i < 0 {
		return -1
	}
	return i + len(key) + 3
}

// put gives a member another value, and adds it in front where it is not there.
func (o *odd) put(key, value string) {
	from := o.at(key)
	if from < 0 {
		o.line = append([]byte(`{"`+key+`":`+value+`,`), o.line[1:]...)
		return
	}
	o.line = append(append(append([]byte{}, o.line[:from]...), value...), o.line[o.end(from):]...)
}

// drop takes a member out that is not the first.
func (o *odd) drop(key string) {
	if from := o.at(key); from >= 0 {
		o.line = append(o.line[:from-len(key)-4], o.line[o.end(from):]...)
	}
}

// end gives the place behind a value that is a string or a number.
func (o *odd) end(from int) int {
	if o.line[from] == '"' {
		return from + 2 + bytes.IndexByte(o.line[from+1:], '"')
	}
	return from + bytes.IndexAny(o.line[from:], ",}]")
}
