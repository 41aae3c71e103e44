package enginetest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sayer turns sentences of a script into lines of the specification.
//
//	WHO [and WHO …] did "NAME" [key=value …]      track
//	WHO [and WHO …] viewed|saw "NAME" [key=value …]  page, screen
//	WHO [and WHO …] is key=value …                identify
//	WHO joins GROUP [key=value …]                 group
//	WHO becomes USER                              alias: WHO was the previous id
//
// and at the end of any of them: at TIME, original TIME, sent TIME, received
// TIME, as MESSAGE, from SOURCE. A WHO with a digit in it is an anonymous id,
// one without a user id; email:x, phone:x, device:x and any other space:x say
// it themselves. A sentence without a time happened as many minutes after the
// start of 2026 as it has sentences before it, and its message id is m1, m2, …
type sayer struct{ n int }

// start is when the first sentence of a script happens, if it does not say so.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

var calls = map[string]string{"did": "track", "viewed": "page", "saw": "screen", "is": "identify", "joins": "group", "becomes": "alias"}

// line gives one sentence as a line of the specification.
func (s *sayer) line(sentence string) (string, error) {
	w, err := words(sentence)
	if err != nil {
		return "", err
	}
	verb := slices.IndexFunc(w, func(x string) bool { return calls[x] != "" })
	if verb < 1 {
		return "", fmt.Errorf("no verb in %q", sentence)
	}
	s.n++
	ev := map[string]any{"type": calls[w[verb]], "messageId": "m" + strconv.Itoa(s.n)}
	w, err = ending(ev, w)
	if err != nil {
		return "", err
	}
	if ev["timestamp"] == nil && ev["originalTimestamp"] == nil {
		ev["timestamp"] = start.Add(time.Duration(s.n) * time.Minute).Format(time.RFC3339)
	}
	for _, x := range w[:verb] {
		if x != "and" {
			claim(ev, x)
		}
	}
	if err := object(ev, w[verb], w[verb+1:]); err != nil {
		return "", fmt.Errorf("%w in %q", err, sentence)
	}
	out, err := json.Marshal(ev)
	return string(out), err
}

// ending takes the words at the end that say when, where from, and as which message.
func ending(ev map[string]any, w []string) ([]string, error) {
	keys := map[string]string{"at": "timestamp", "original": "originalTimestamp", "sent": "sentAt", "received": "receivedAt", "as": "messageId", "from": ""}
	for len(w) > 3 {
		key, ok := keys[w[len(w)-2]]
		if !ok {
			break
		}
		value := w[len(w)-1]
		switch {
		case key == "":
			sub(ev, "context")["source"] = value
		case key == "messageId":
			ev[key] = value
		default:
			t, err := when(value)
			if err != nil {
				return nil, err
			}
			ev[key] = t.Format(time.RFC3339Nano)
		}
		w = w[:len(w)-2]
	}
	return w, nil
}

// object puts what follows the verb into the event.
func object(ev map[string]any, verb string, w []string) error {
	values := "properties"
	switch verb {
	case "is":
		values = "traits"
	case "becomes":
		if len(w) != 1 {
			return fmt.Errorf("becomes whom")
		}
		ev["previousId"] = ev["anonymousId"]
		if ev["userId"] != nil {
			ev["previousId"] = ev["userId"]
		}
		delete(ev, "anonymousId")
		ev["userId"] = w[0]
		return nil
	case "joins":
		values = "traits"
		ev["groupId"], w = w[0], w[1:]
	case "did":
		ev["event"], w = unquote(w[0]), w[1:]
	default:
		ev["name"], w = unquote(w[0]), w[1:]
	}
	for _, x := range w {
		k, v, ok := strings.Cut(x, "=")
		if !ok {
			return fmt.Errorf("%s has no value", x)
		}
		sub(ev, values)[k] = value(v)
	}
	return nil
}

// claim puts an identifier where the specification has it.
func claim(ev map[string]any, who string) {
	space, v := space(who)
	switch space {
	case "user_id":
		ev["userId"] = v
	case "anonymous_id":
		ev["anonymousId"] = v
	case "email", "phone":
		sub(sub(ev, "context"), "traits")[space] = v
	case "device_id":
		sub(sub(ev, "context"), "device")["id"] = v
	default:
		c := sub(ev, "context")
		list, _ := c["externalIds"].([]any) // none yet
		c["externalIds"] = append(list, map[string]any{"id": v, "type": space, "collection": "users", "encoding": "none"})
	}
}

var spaces = map[string]string{"user": "user_id", "anonymous": "anonymous_id", "device": "device_id"}

// space tells an identifier's space from the way it is written.
func space(who string) (space, value string) {
	who = unquote(who)
	if s, v, ok := strings.Cut(who, ":"); ok {
		if full := spaces[s]; full != "" {
			s = full
		}
		return s, unquote(v)
	}
	switch {
	case strings.Contains(who, "@"):
		return "email", who
	case strings.ContainsAny(who, "0123456789"):
		return "anonymous_id", who
	}
	return "user_id", who
}

func sub(m map[string]any, key string) map[string]any {
	if m[key] == nil {
		m[key] = map[string]any{}
	}
	return m[key].(map[string]any)
}

// value reads JSON where it is JSON, and takes anything else as a string.
func value(text string) any {
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

func unquote(w string) string {
	if s, err := strconv.Unquote(w); err == nil {
		return s
	}
	return w
}

// when reads a time; without an offset it is UTC.
func when(text string) (time.Time, error) {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.Parse(form, text); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("%q is no time", text)
}

// words cuts a sentence at blanks that stand outside quotes, brackets and braces.
func words(s string) ([]string, error) {
	var out []string
	from, deep, quoted := -1, 0, false
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == ' ' && deep == 0 && !quoted {
			if from >= 0 {
				out = append(out, s[from:i])
			}
			from = -1
			continue
		}
		if from < 0 {
			from = i
		}
		switch {
		case c == '"' && s[max(i-1, 0)] != '\\':
			quoted = !quoted
		case quoted:
		case c == '[' || c == '{':
			deep++
		case c == ']' || c == '}':
			deep--
		}
	}
	if quoted || deep != 0 {
		return nil, fmt.Errorf("a quote or bracket stays open in %q", s)
	}
	if from >= 0 {
		out = append(out, s[from:])
	}
	return out, nil
}
