package source

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"os"
	"strconv"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"
)

// texts are the functions that change texts and numbers.
var texts = map[string]*function{
	"text":     {usage: "text(x)", least: 1, most: 1, do: func(r *row, _ *expr, a []value) value { return textOf(r.bytes(a[0])) }},
	"number":   {usage: "number(x)", least: 1, most: 1, do: asNumber},
	"round":    {usage: "round(x, places)", least: 2, most: 2, do: round, ready: readyCount},
	"join":     {usage: "join(a, b, …), the same as a & b", least: 1, most: -1, lazy: template},
	"trim":     {usage: "trim(x)", least: 1, most: 1, do: func(r *row, _ *expr, a []value) value { return textOf(trimSpace(r.bytes(a[0]))) }},
	"lower":    {usage: "lower(x)", least: 1, most: 1, do: cased(bytes.ToLower)},
	"upper":    {usage: "upper(x)", least: 1, most: 1, do: cased(bytes.ToUpper)},
	"nfc":      {usage: "nfc(x)", least: 1, most: 1, do: cased(norm.NFC.Bytes)},
	"title":    {usage: "title(x)", least: 1, most: 1, do: cased(title)},
	"truncate": {usage: "truncate(x, letters)", least: 2, most: 2, do: truncate, ready: readyCount},
	"mask":     {usage: "mask(x, letters): all but the last letters become *", least: 2, most: 2, do: mask, ready: readyCount},
	"part":     {usage: "part(x, 'separator', n): the n-th part, from 1; -1 is the last", least: 3, most: 3, do: part, ready: readyPart},
	"replace":  {usage: "replace(x, 'old', 'new')", least: 3, most: 3, do: replace, ready: readyReplace},
	"line":     {usage: "line(): the number of the line, or of the row", least: 0, most: 0, lazy: lineOf},
	"hash":     {usage: "hash(x, 'key') or hash(x, env('NAME')): HMAC with SHA-256, in hex", least: 2, most: 2, do: keyed, ready: readyKeyed},
	"env":      {usage: "env('NAME'), as the key of hash", least: 1, most: 1, do: func(_ *row, _ *expr, _ []value) value { return value{} }},
}

func lineOf(r *row, _ *expr) value { return value{kind: numeric, num: number{lo: r.line}} }

func asNumber(r *row, e *expr, a []value) value {
	_, v := r.number(a[0], e)
	return v
}

func readyCount(e *expr) error {
	n, err := e.count(1)
	e.given = n
	return err
}

func round(r *row, e *expr, a []value) value {
	n, v := r.number(a[0], e)
	if v.kind == failed {
		return v
	}
	n, ok := n.rounded(e.given.(int))
	return r.numeric(n, ok, e)
}

func cased(change func([]byte) []byte) func(*row, *expr, []value) value {
	return func(r *row, _ *expr, a []value) value { return textOf(change(r.bytes(a[0]))) }
}

// title begins each word that is written all small or all large with a large
// letter; a word of both, such as McDonald, stays.
func title(b []byte) []byte {
	var out []byte
	for len(b) > 0 {
		n := bytes.IndexFunc(b, func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsMark(c) })
		if n == 0 { // what is between words
			_, n = utf8.DecodeRune(b)
			out, b = append(out, b[:n]...), b[n:]
			continue
		}
		if n < 0 {
			n = len(b)
		}
		out, b = append(out, titleWord(b[:n])...), b[n:]
	}
	return out
}

// titlers are casers, which keep a state while they work.
var titlers = sync.Pool{New: func() any { c := cases.Title(language.Und); return &c }}

func titleWord(w []byte) []byte {
	if !bytes.Equal(w, bytes.ToLower(w)) && !bytes.Equal(w, bytes.ToUpper(w)) {
		return w
	}
	c := titlers.Get().(*cases.Caser)
	defer titlers.Put(c)
	c.Reset()
	return c.Bytes(w)
}

func truncate(r *row, e *expr, a []value) value {
	b, n := r.bytes(a[0]), e.given.(int)
	for i := range string(b) {
		if n == 0 {
			return textOf(b[:i])
		}
		n--
	}
	return textOf(b)
}

func mask(r *row, e *expr, a []value) value {
	b := r.bytes(a[0])
	hide := utf8.RuneCount(b) - e.given.(int)
	return textOf(r.keep(func(dst []byte) []byte {
		for _, c := range string(b) {
			if hide--; hide >= 0 {
				dst = append(dst, '*')
			} else {
				dst = utf8.AppendRune(dst, c)
			}
		}
		return dst
	}))
}

// cut is which part of a text is meant.
type cut struct {
	by []byte
	n  int
}

func readyPart(e *expr) error {
	by, err := e.constant(1)
	if err != nil || by == "" {
		return errors.New("a separator in quotes is needed")
	}
	last := e.args[2]
	if last.op == "minus" {
		last = last.args[0]
	}
	if last.op != "constant" || last.value.kind != numeric {
		return errors.New("a whole number is needed")
	}
	n, err := strconv.Atoi(string(last.value.num.append(nil)))
	if err != nil || n < 1 || n > 1000 {
		return errors.New("a whole number from 1 to 1000, or its negative, is needed")
	}
	if last != e.args[2] {
		n = -n
	}
	e.given = cut{[]byte(by), n}
	return nil
}

func part(r *row, e *expr, a []value) value {
	b, c := r.bytes(a[0]), e.given.(cut)
	if c.n < 0 {
		for ; c.n < -1; c.n++ {
			i := bytes.LastIndex(b, c.by)
			if i < 0 {
				return value{}
			}
			b = b[:i]
		}
		if i := bytes.LastIndex(b, c.by); i >= 0 {
			b = b[i+len(c.by):]
		}
		return textOf(b)
	}
	for ; c.n > 1; c.n-- {
		_, rest, ok := bytes.Cut(b, c.by)
		if !ok {
			return value{}
		}
		b = rest
	}
	b, _, _ = bytes.Cut(b, c.by)
	return textOf(b)
}

func readyReplace(e *expr) error {
	old, err := e.constant(1)
	if err == nil && old == "" {
		err = errors.New("the old text must not be empty")
	}
	return err
}

func replace(r *row, _ *expr, a []value) value {
	return textOf(bytes.ReplaceAll(r.bytes(a[0]), a[1].text, r.bytes(a[2])))
}

// readyKeyed takes the key from the mapping or, once, from the environment.
func readyKeyed(e *expr) error {
	var key string
	var err error
	if k := e.args[1]; k.op == "call" && k.name == "env" {
		var name string
		if name, err = k.constant(0); err == nil {
			if key = os.Getenv(name); key == "" {
				return errors.New("the environment has no " + name)
			}
		}
	} else {
		key, err = e.constant(1)
	}
	if err != nil || len(key) < 8 {
		return errors.New("a key of at least 8 letters is needed")
	}
	e.given = &sync.Pool{New: func() any { return hmac.New(sha256.New, []byte(key)) }}
	return nil
}

func keyed(r *row, e *expr, a []value) value {
	pool := e.given.(*sync.Pool)
	h := pool.Get().(hash.Hash)
	defer pool.Put(h)
	h.Reset()
	h.Write(r.bytes(a[0]))
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return textOf(r.keep(func(dst []byte) []byte { return hex.AppendEncode(dst, sum[:]) }))
}
