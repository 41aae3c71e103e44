package clean

import (
	"time"

	"github.com/kithdb/kith"
)

// Event takes an event that an embedding program made, as Line takes the line
// that says the same. Source is not part of it.
func (c *Cleaner) Event(e *kith.Event, now int64) *Item {
	c.Line(nil, now)
	c.made = append(c.made[:0], '{')
	name := "name"
	if e.Kind == kith.Track {
		name = "event"
	}
	c.say("type", e.Kind.String())
	c.say(name, e.Name)
	c.say("messageId", e.MessageID)
	c.say("userId", e.UserID)
	c.say("anonymousId", e.AnonymousID)
	c.say("previousId", e.PreviousID)
	c.say("groupId", e.GroupID)
	c.sayTime("timestamp", e.Timestamp)
	c.sayTime("originalTimestamp", e.OriginalTimestamp)
	c.sayTime("sentAt", e.SentAt)
	c.sayTime("receivedAt", e.ReceivedAt)
	for _, part := range [...]struct {
		role role
		text []byte
	}{{roleTraits, e.Traits}, {roleProps, e.Properties}, {roleContext, e.Context}} {
		if text := trim(part.text, &c.base); len(text) > 0 {
			if skip(text, 0) != len(text) { // more than one value
				c.start(text)
				c.failAt(BadJSON, 0, c.known[part.role])
				return c.refused()
			}
			c.member(c.trie.nodes[c.known[part.role]].key)
			c.made = append(c.made, text...)
		}
	}
	c.made = append(c.made, '}')
	c.line, c.base, c.wrap.on = c.made, 0, true
	return c.clean(c.made, c.made)
}

// member begins a member of the line that is being made.
func (c *Cleaner) member(key string) {
	if len(c.made) > 1 {
		c.made = append(c.made, ',')
	}
	c.made = append(append(append(c.made, '"'), key...), '"', ':')
}

func (c *Cleaner) say(key, value string) {
	if value != "" {
		c.member(key)
		c.made = appendString(c.made, value)
	}
}

func (c *Cleaner) sayTime(key string, t time.Time) {
	if !t.IsZero() {
		c.member(key)
		c.made = t.UTC().AppendFormat(c.made, `"2006-01-02T15:04:05.999999Z"`)
	}
}
