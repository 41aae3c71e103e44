package enginetest

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// told is one line of a random stream, as the model reads it.
type told struct {
	id      string
	kind    string
	name    string
	at      time.Time
	arrived time.Time
	ids     []string // space=value, strongest first
	traits  map[string]string
}

// wild is a stream in which people share devices, change e-mails, run into
// limits, repeat messages and say them differently: the order of its log decides.
func wild(r *rand.Rand, n int) []string {
	var out []string
	for i := range n {
		switch {
		case len(out) > 0 && r.IntN(15) == 0: // again
			out = append(out, out[r.IntN(len(out))])
			continue
		case len(out) > 0 && r.IntN(25) == 0: // again, with another payload
			out = append(out, strings.Replace(out[r.IntN(len(out))], `"type"`, `"integrations":{"x":`+fmt.Sprint(i)+`},"properties":{"other":`+fmt.Sprint(i)+`},"type"`, 1))
			continue
		case r.IntN(40) == 0: // refused
			out = append(out, fmt.Sprintf(`{"type":"track","event":"E","messageId":"bad%d"}`, i))
			continue
		}
		ev := times(r, map[string]any{"messageId": fmt.Sprintf("m%d", i)}, i)
		if r.IntN(3) > 0 {
			ev["userId"] = fmt.Sprintf("user%d", r.IntN(5))
		}
		if ev["userId"] == nil || r.IntN(2) == 0 {
			ev["anonymousId"] = fmt.Sprintf("dev%d", r.IntN(6))
		}
		if r.IntN(5) == 0 {
			claim(ev, fmt.Sprintf("phone:+3361234567%d", r.IntN(3)))
		}
		if r.IntN(6) == 0 {
			claim(ev, fmt.Sprintf("crm:c%d", r.IntN(4)))
		}
		says(r, ev, fmt.Sprintf("mail%d@example.org", r.IntN(14)))
		if ev["userId"] != nil && r.IntN(14) == 0 {
			delete(ev, "anonymousId")
			ev["type"], ev["previousId"] = "alias", fmt.Sprintf("dev%d", r.IntN(6))
		}
		out = append(out, encode(ev))
	}
	return out
}

// times gives an event its times: it comes in the order of the stream and
// happened some time before.
func times(r *rand.Rand, ev map[string]any, i int) map[string]any {
	came := start.Add(time.Duration(i) * time.Minute)
	ev["receivedAt"] = came.Format(time.RFC3339Nano)
	ev["timestamp"] = came.Add(-time.Duration(r.IntN(400)) * time.Hour).Format(time.RFC3339Nano)
	return ev
}

// says makes the event one of the calls.
func says(r *rand.Rand, ev map[string]any, mail string) {
	switch r.IntN(5) {
	case 0, 1:
		ev["type"] = "identify"
		if r.IntN(2) == 0 {
			sub(ev, "traits")["email"] = mail
		}
		for range r.IntN(3) {
			k, v := trait(r)
			sub(ev, "traits")[k] = v
		}
	case 2:
		ev["type"], ev["name"] = "page", []string{"Home", "Cart"}[r.IntN(2)]
	default:
		ev["type"], ev["event"] = "track", []string{"Order Completed", "Viewed", "Login"}[r.IntN(3)]
		sub(ev, "properties")["total"] = r.IntN(9000)
	}
}

// trait gives a random trait, now and then of another type than before.
func trait(r *rand.Rand) (string, any) {
	switch r.IntN(6) {
	case 0:
		return "plan", []string{"free", "pro", "team"}[r.IntN(3)]
	case 1:
		return "score", r.IntN(5)
	case 2:
		return "vip", r.IntN(2) == 0
	case 3:
		return "country", []any{"FR", "BE", 7, nil}[r.IntN(4)]
	case 4:
		return "name", []string{"Ada", "Ada L"}[r.IntN(2)]
	}
	return "tags", []any{"a", r.IntN(3)}
}

// calm is a stream in which no limit and no rule of uniqueness is hit: each
// person has identifiers of their own, which come together step by step. It is
// given as lines, and as the model reads it.
func calm(r *rand.Rand, n int) ([]string, []told) {
	people := 2 + r.IntN(5)
	var lines []string
	var stream []told
	for i := range n {
		who := r.IntN(people)
		ev := times(r, map[string]any{"messageId": fmt.Sprintf("m%d", i)}, i)
		var ids []string
		if r.IntN(2) == 0 {
			ev["userId"] = fmt.Sprintf("user%c", 'a'+who)
			ids = append(ids, "user_id="+ev["userId"].(string))
		}
		mail := fmt.Sprintf("p%d.%d@example.org", who, r.IntN(3))
		if ev["userId"] == nil || r.IntN(3) == 0 {
			ev["anonymousId"] = fmt.Sprintf("dev%d.%d", who, r.IntN(4))
		}
		says(r, ev, mail)
		if t, ok := ev["traits"].(map[string]any); ok && t["email"] != nil {
			ids = append(ids, "email="+mail)
		}
		if ev["anonymousId"] != nil {
			ids = append(ids, "anonymous_id="+ev["anonymousId"].(string))
		}
		line := encode(ev)
		lines = append(lines, line)
		stream = append(stream, read(ev, ids))
	}
	return lines, stream
}

func encode(ev map[string]any) string {
	b, err := json.Marshal(ev)
	if err != nil {
		panic(err) // the maps above are JSON
	}
	return string(b)
}

// read gives an event as the model reads it.
func read(ev map[string]any, ids []string) told {
	stamp := func(key string) time.Time {
		t, _ := time.Parse(time.RFC3339Nano, ev[key].(string)) // times wrote it
		return t
	}
	e := told{id: ev["messageId"].(string), kind: ev["type"].(string), at: stamp("timestamp"), arrived: stamp("receivedAt"), ids: ids, traits: map[string]string{}}
	for _, key := range []string{"event", "name"} {
		if s, ok := ev[key].(string); ok {
			e.name = s
		}
	}
	if traits, ok := ev["traits"].(map[string]any); ok {
		for k, v := range traits {
			b, _ := json.Marshal(v) // it was encoded before
			e.traits[k] = string(b)
		}
	}
	return e
}
