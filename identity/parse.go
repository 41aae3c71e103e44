package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// Parse reads rules from JSON as Format writes them. What it does not know, or
// cannot use, is refused with its line.
func Parse(text []byte) (Rules, error) {
	p := &parser{text: text, dec: json.NewDecoder(bytes.NewReader(text))}
	p.dec.UseNumber()
	r, err := p.rules()
	if err != nil {
		return Rules{}, invalid("identity.Parse", "rules line "+strconv.Itoa(p.line()), err)
	}
	return r, nil
}

// parser walks the tokens of one text. An error is about the line at mark.
type parser struct {
	text []byte
	dec  *json.Decoder
	mark int64
}

// line is the line of the mark, counted from 1.
func (p *parser) line() int {
	return 1 + bytes.Count(p.text[:min(p.mark, int64(len(p.text)))], []byte{'\n'})
}

func (p *parser) token() (json.Token, error) {
	t, err := p.dec.Token()
	var syntax *json.SyntaxError
	switch {
	case err == nil:
		p.mark = p.dec.InputOffset()
		return t, nil
	case errors.As(err, &syntax):
		p.mark = max(p.mark, syntax.Offset-1)
		return nil, errors.New("not JSON")
	default:
		p.mark = int64(len(p.text))
		return nil, errors.New("the text ends too early")
	}
}

func (p *parser) rules() (Rules, error) {
	var r Rules
	err := p.object("the rules", func(key string) error {
		var err error
		switch key {
		case "version":
			var n int
			n, err = p.number(key, 1<<31-1)
			r.Version = uint32(n)
		case "country":
			if r.Country, err = p.text1(key); err == nil {
				err = checkCountry(r.Country)
			}
		case "blocked":
			r.Blocked, err = p.texts(key)
		case "spaces":
			err = p.spaces(&r)
		case "anomalies":
			err = p.anomalies(&r)
		default:
			err = fmt.Errorf("unknown key %s: version, country, blocked, spaces, anomalies are known", quote(key))
		}
		return err
	})
	if err != nil {
		return r, err
	}
	if _, err := p.dec.Token(); err != io.EOF {
		return r, errors.New("more text after the rules")
	}
	return r, r.whole()
}

func (p *parser) spaces(r *Rules) error {
	names := make(map[string]bool)
	return p.array("spaces", func() error {
		start := p.mark
		var s Space
		if err := p.object("a space", func(key string) error { return p.space(&s, key) }); err != nil {
			return err
		}
		r.Spaces = append(r.Spaces, s)
		end := p.mark
		p.mark = p.at(start)
		if err := r.check(len(r.Spaces)-1, names); err != nil {
			return fmt.Errorf("space %s: %w", quote(s.Name), err)
		}
		p.mark = end
		return nil
	})
}

// at gives the place where the value begins that comes after start.
func (p *parser) at(start int64) int64 {
	rest := p.text[start:p.mark]
	return start + int64(len(rest)-len(bytes.TrimLeft(rest, " \t\r\n,[")))
}

func (p *parser) space(s *Space, key string) (err error) {
	switch key {
	case "name":
		s.Name, err = p.text1(key)
	case "unique":
		s.Unique, err = p.fact(key)
	case "limit":
		s.Limit, err = p.number(key, maxLimit)
	case "per":
		s.Per, err = p.word(key, "day", "week", "month", "year")
	case "weak":
		s.Weak, err = p.fact(key)
	case "form":
		s.Form, err = p.word(key, "trim", "lower", "email", "phone")
	case "blocked":
		s.Blocked, err = p.texts(key)
	case "blocked_re":
		s.BlockedRE, err = p.texts(key)
	default:
		err = fmt.Errorf("unknown key %s: name, unique, limit, per, weak, form, blocked, blocked_re are known", quote(key))
	}
	return err
}

// object reads an object; field reads the value of each key.
func (p *parser) object(what string, field func(key string) error) error {
	if err := p.delim(what, '{', "an object"); err != nil {
		return err
	}
	had := make(map[string]bool)
	for p.dec.More() {
		t, err := p.token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if had[key] {
			return fmt.Errorf("key %s stands there twice", quote(key))
		}
		had[key] = true
		if err := field(key); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

// array reads an array; item reads each of its values.
func (p *parser) array(what string, item func() error) error {
	if err := p.delim(what, '[', "an array"); err != nil {
		return err
	}
	for p.dec.More() {
		if err := item(); err != nil {
			return err
		}
	}
	_, err := p.token()
	return err
}

func (p *parser) delim(what string, want json.Delim, word string) error {
	t, err := p.token()
	if err == nil && t != want {
		err = fmt.Errorf("%s: not %s", what, word)
	}
	return err
}

func (p *parser) text1(key string) (string, error) {
	t, err := p.token()
	if err != nil {
		return "", err
	}
	s, ok := t.(string)
	if !ok {
		return "", fmt.Errorf("%s is not a string", key)
	}
	return s, nil
}

func (p *parser) texts(key string) ([]string, error) {
	var all []string
	err := p.array(key, func() error {
		s, err := p.text1("a value of " + key)
		all = append(all, s)
		return err
	})
	return all, err
}

func (p *parser) word(key string, words ...string) (string, error) {
	s, err := p.text1(key)
	if err != nil || s == "" {
		return s, err
	}
	for _, w := range words {
		if s == w {
			return s, nil
		}
	}
	return "", fmt.Errorf("%s is none of %v", key, words)
}

func (p *parser) fact(key string) (bool, error) {
	t, err := p.token()
	if err != nil {
		return false, err
	}
	b, ok := t.(bool)
	if !ok {
		return false, fmt.Errorf("%s is not true or false", key)
	}
	return b, nil
}

func (p *parser) number(key string, most int) (int, error) {
	t, err := p.token()
	if err != nil {
		return 0, err
	}
	text, _ := t.(json.Number)
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 || n > most {
		return 0, fmt.Errorf("%s is not a whole number from 0 to %d", key, most)
	}
	return n, nil
}

// quote shows a key or a name, cut where it is long.
func quote(s string) string {
	if len(s) > 40 {
		s = s[:40] + "…"
	}
	return strconv.Quote(s)
}
