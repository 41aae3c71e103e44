package identity

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nyaruka/phonenumbers"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Normaliser is the version of the normal forms below. Tokens are made of
// them, so that a change of a form is a change of this number.
const Normaliser = 1

// maxValue is the length in bytes above which a value is no identifier.
const maxValue = 1024

// form gives the normal form of a trimmed, valid value, appended to dst.
type form func(value, dst []byte, country string) ([]byte, bool)

// forms are the words of Space.Form. The value comes trimmed, except for "".
var forms = map[string]form{"": plain, "trim": plain, "lower": lower, "email": email, "phone": phone}

// Normalise gives the form in which values of the space are compared,
// appended to dst[:0]. ok is false where the value is blocked, or is no
// identifier of that space: empty, longer than 1,024 bytes, not UTF-8, an
// e-mail address without its two sides, a phone number nobody could dial.
// The result is its own normal form.
func (m *Matcher) Normalise(space int, value, dst []byte) (norm []byte, ok bool) {
	s := m.row(space)
	if s == nil || len(value) > maxValue || !utf8.Valid(value) {
		return nil, false
	}
	core := trim(value)
	if hollow(core) {
		return nil, false
	}
	if s.Form != "" {
		value = core
	}
	if norm, ok = s.form(value, dst[:0], m.rules.Country); !ok || len(norm) == 0 || len(norm) > maxValue {
		return nil, false
	}
	if m.words.has(core) || s.words.has(core) {
		return nil, false
	}
	if !bytes.Equal(norm, value) && (m.words.has(norm) || s.words.has(norm)) {
		return nil, false
	}
	for _, re := range s.res {
		if re.Match(norm) {
			return nil, false
		}
	}
	return norm, true
}

// words are values that point at nobody, folded.
type words struct {
	set  map[string]bool
	most int // the length in bytes of the longest
}

// fold makes the set of words without regard to case.
func fold(list []string) words {
	w := words{set: make(map[string]bool, len(list))}
	for _, text := range list {
		low := foldText(trim([]byte(text)))
		w.set[string(low)] = true
		w.most = max(w.most, len(low))
	}
	return w
}

// has says whether the value is one of the words. Folding ASCII keeps its
// length, so that most values are answered by theirs.
func (w words) has(value []byte) bool {
	if len(w.set) == 0 {
		return false
	}
	var room [64]byte
	if len(value) > w.most && ascii(value) {
		return false
	}
	low, ok := lowASCII(value, room[:0])
	if !ok {
		low = foldText(value)
	}
	return w.set[string(low)]
}

func ascii(v []byte) bool {
	for _, c := range v {
		if c >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// hollow says whether there is nothing in the value: nothing at all, only 0
// and -, or only quotes.
func hollow(v []byte) bool {
	return len(v) == 0 || made(v, "0-") || made(v, "\"'`")
}

func made(v []byte, of string) bool {
	for _, c := range v {
		if strings.IndexByte(of, c) < 0 {
			return false
		}
	}
	return true
}

// trim takes white space and invisible marks from both ends.
func trim(v []byte) []byte {
	if n := len(v); n > 0 && v[0] > ' ' && v[0] < 0x7f && v[n-1] > ' ' && v[n-1] < 0x7f {
		return v
	}
	return bytes.TrimFunc(v, invisible)
}

func invisible(c rune) bool {
	return unicode.IsSpace(c) || unicode.IsControl(c) || c == '\u200b' || c == '\u200c' || c == '\u200d' || c == '\u2060' || c == '\ufeff' || c == '\u00ad'
}

func plain(value, dst []byte, _ string) ([]byte, bool) { return append(dst, value...), true }

func lower(value, dst []byte, _ string) ([]byte, bool) {
	if low, ok := lowASCII(value, dst); ok {
		return low, true
	}
	return append(dst, foldText(value)...), true
}

// email folds case and compatibility forms, and wants two sides with nothing
// blank between them.
func email(value, dst []byte, country string) ([]byte, bool) {
	v, _ := lower(value, dst, country)
	at := bytes.LastIndexByte(v, '@')
	if at < 1 || at == len(v)-1 || blank(v) {
		return nil, false
	}
	return v, true
}

// blank says whether there is something invisible in v.
func blank(v []byte) bool {
	if !ascii(v) {
		return bytes.IndexFunc(v, invisible) >= 0
	}
	for _, c := range v {
		if c <= ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// phone gives E.164, with ";ext=" where there is an extension. The library
// reads what it has written otherwise for numbers that nobody has been given
// yet, so that it is asked until the answer stays.
func phone(value, dst []byte, country string) ([]byte, bool) {
	if len(value) > 64 {
		return nil, false
	}
	text := string(value)
	for range 6 {
		next, ok := dial(text, country)
		if !ok {
			return nil, false
		}
		if next == text {
			return append(dst, text...), true
		}
		text = next
	}
	return nil, false
}

// dial gives what the library makes of the text.
func dial(text, country string) (string, bool) {
	main, ext, marked := strings.Cut(text, ";ext=")
	if marked {
		text = main + " ext. " + ext
	}
	n, err := phonenumbers.Parse(text, country)
	if err != nil || !phonenumbers.IsPossibleNumber(n) {
		return "", false
	}
	text = phonenumbers.Format(n, phonenumbers.E164)
	if e := n.GetExtension(); e != "" {
		text += ";ext=" + e
	}
	return text, true
}

// lowASCII appends value in lower case if it is ASCII.
func lowASCII(value, dst []byte) ([]byte, bool) {
	for _, c := range value {
		if c >= utf8.RuneSelf {
			return dst, false
		}
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		dst = append(dst, c)
	}
	return dst, true
}

// foldText is Unicode's compatibility case folding, repeated until it is its own.
func foldText(value []byte) []byte {
	caser := cases.Fold()
	v := norm.NFKC.Bytes(value)
	for range 4 {
		next := norm.NFKC.Bytes(caser.Bytes(v))
		if bytes.Equal(next, v) {
			break
		}
		v = next
	}
	return trim(v)
}
