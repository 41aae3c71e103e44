package identity

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/kithdb/kith"
	"github.com/nyaruka/phonenumbers"
)

// MaxSpaces is the number of identifier spaces a directory can have. An index
// below it fits into six bits.
const MaxSpaces = 64

// maxSeen leaves room for spaces that are declared later: names that merely
// turn up in events get no index beyond it.
const maxSeen = 48

// Space is a kind of identifier and what it may do to a profile.
type Space struct {
	Name      string
	Unique    bool     // two values of it never stand in one profile
	Limit     int      // values in one profile; 0 = any number
	Per       string   // the window of Limit: "" ever, day, week (7 days), month (30 days), year (365 days)
	Weak      bool     // names a browser or a device, which several people may use
	Form      string   // how values are normalised: "" as they are, trim, lower, email, phone
	Blocked   []string // values that point at nobody, in any case, beside Rules.Blocked
	BlockedRE []string // the same as RE2 patterns, over the normalised value
}

// Rules says what identifies a person. They are data: a directory keeps every
// version it has used, and each decision names the version that took it.
type Rules struct {
	Version uint32   // given by the engine; not part of the comparison of two rules
	Spaces  []Space  // strongest first
	Country string   // two letters: how phone numbers without a country are read; empty: they are not used
	Blocked []string // values that point at nobody in any space, in any case

	Anomalies []Anomaly // events that stand outside of profiles and counts
}

// blockedWords are what sources send where they have no identifier. Empty
// values, those of 0 and - only, and those of quotes only are blocked by
// every rules.
var blockedWords = []string{
	"-1", "null", "nil", "none", "undefined", "nan", "true", "false", "anonymous", "guest", "id",
	"distinctid", "distinct_id", "not_authenticated", "email", "[object object]",
}

// Default gives the rules of a new directory.
func Default() Rules {
	return Rules{
		Version: 1,
		Spaces: []Space{
			{Name: "user_id", Unique: true, Limit: 1, Form: "trim"},
			{Name: "email", Limit: 5, Form: "email"},
			{Name: "phone", Limit: 5, Form: "phone"},
			{Name: "device_id", Limit: 5, Weak: true, Form: "trim"},
			{Name: "anonymous_id", Limit: 5, Weak: true, Form: "trim"},
		},
		Blocked: append([]string(nil), blockedWords...),
	}
}

// seen gives the rule of a space that no rules name. It depends on the name alone.
func seen(name string) Space { return Space{Name: name, Limit: 5, Form: "trim"} }

// windows are the words of Space.Per.
var windows = map[string]time.Duration{
	"":      0,
	"day":   24 * time.Hour,
	"week":  7 * 24 * time.Hour,
	"month": 30 * 24 * time.Hour,
	"year":  365 * 24 * time.Hour,
}

// Validate says whether the rules can be used. The error names the space by
// its place and never a blocked value.
func (r Rules) Validate() error {
	names := make(map[string]bool, len(r.Spaces))
	for i := range r.Spaces {
		if err := r.check(i, names); err != nil {
			return invalid("identity.Validate", "space "+strconv.Itoa(i+1), err)
		}
	}
	if err := r.whole(); err != nil {
		return invalid("identity.Validate", "rules", err)
	}
	return nil
}

// check looks at one space, and at its place among those before it.
func (r Rules) check(i int, names map[string]bool) error {
	s := &r.Spaces[i]
	if err := s.check(); err != nil {
		return err
	}
	if names[s.Name] {
		return fmt.Errorf("the name stands there twice")
	}
	names[s.Name] = true
	if i > 0 && r.Spaces[i-1].Weak && !s.Weak {
		return fmt.Errorf("weak spaces come after all others")
	}
	return nil
}

// whole looks at what no single space can answer for.
func (r Rules) whole() error {
	if len(r.Spaces) == 0 {
		return fmt.Errorf("no spaces")
	}
	if len(r.Spaces) > MaxSpaces {
		return fmt.Errorf("more than %d spaces", MaxSpaces)
	}
	if err := checkAnomalies(r.Anomalies); err != nil {
		return err
	}
	return checkCountry(r.Country)
}

func checkCountry(country string) error {
	if country != "" && !phonenumbers.GetSupportedRegions()[country] {
		return fmt.Errorf("country is not two capital letters of ISO 3166, such as FR")
	}
	return nil
}

func (s *Space) check() error {
	_, window := windows[s.Per]
	_, form := forms[s.Form]
	switch {
	case !validName(s.Name):
		return fmt.Errorf("name is not 1 to 64 bytes of visible text")
	case s.Limit < 0 || s.Limit > maxLimit:
		return fmt.Errorf("limit is not between 0 and %d", maxLimit)
	case s.Unique && s.Limit > 1:
		return fmt.Errorf("unique means a limit of 1")
	case s.Unique && s.Per != "":
		return fmt.Errorf("unique has no window: leave per out")
	case s.Unique && s.Weak:
		return fmt.Errorf("a weak space cannot be unique")
	case !window:
		return fmt.Errorf("per is not day, week, month or year")
	case s.Per != "" && s.Limit == 0:
		return fmt.Errorf("per needs a limit")
	case !form:
		return fmt.Errorf("form is not trim, lower, email or phone")
	}
	for i, text := range s.BlockedRE {
		if _, err := regexp.Compile(text); err != nil {
			return fmt.Errorf("blocked_re %d: %s", i+1, whyRE(err))
		}
	}
	return nil
}

const maxLimit = 1 << 20

// whyRE leaves out the pattern, which may hold somebody's value.
func whyRE(err error) string {
	if e, ok := err.(*syntax.Error); ok {
		return e.Code.String()
	}
	return "not a pattern of RE2"
}

func validName(name string) bool {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) || strings.TrimSpace(name) != name {
		return false
	}
	for _, c := range name {
		if !unicode.IsPrint(c) {
			return false
		}
	}
	return true
}

func invalid(op, on string, err error) error {
	return &kith.Error{Op: op, On: on, Kind: kith.ErrInvalid, Err: err}
}
