package kith

// Verdict is what became of one item that was received. Every item has exactly
// one: received = accepted + duplicate + rejected + quarantined + suppressed.
type Verdict uint8

// The five verdicts. The numbers are stored and never change.
const (
	Accepted Verdict = iota + 1
	Duplicate
	Rejected
	Quarantined
	Suppressed
)

var verdictNames = [...]string{"", "accepted", "duplicate", "rejected", "quarantined", "suppressed"}

// String gives the verdict's word.
func (v Verdict) String() string {
	if int(v) < len(verdictNames) {
		return verdictNames[v]
	}
	return ""
}

// MarshalText gives the verdict's word.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText reads the verdict's word.
func (v *Verdict) UnmarshalText(text []byte) error {
	for w := Accepted; w <= Suppressed; w++ {
		if verdictNames[w] == string(text) {
			*v = w
			return nil
		}
	}
	return &Error{Op: "kith.Verdict", Kind: ErrInvalid}
}

// Result is the verdict on one item, with the reason where it was not accepted.
type Result struct {
	Verdict Verdict `json:"verdict"`
	Seq     Seq     `json:"seq,omitempty"`  // the number the item has in the log; of a duplicate, the event it repeats
	Code    string  `json:"code,omitempty"` // why it was not accepted, such as "no_identity"; empty when accepted
	Path    string  `json:"path,omitempty"` // where in the item, such as "$.traits.age"; empty when the whole item is meant
	Flags   Flags   `json:"flags,omitzero"` // why an accepted item stands outside of profiles and counts, such as "bot"; empty: it does not
}

// Tally counts verdicts.
type Tally struct {
	Received    int `json:"received"`
	Accepted    int `json:"accepted"`
	Duplicate   int `json:"duplicate"`
	Rejected    int `json:"rejected"`
	Quarantined int `json:"quarantined"`
	Suppressed  int `json:"suppressed"`

	Flagged Flagged `json:"flagged,omitzero"` // of the accepted, those that stand outside of profiles and counts
}

// Count adds one item with verdict v.
func (t *Tally) Count(v Verdict) {
	t.Received++
	switch v {
	case Accepted:
		t.Accepted++
	case Duplicate:
		t.Duplicate++
	case Rejected:
		t.Rejected++
	case Quarantined:
		t.Quarantined++
	case Suppressed:
		t.Suppressed++
	}
}

// Of adds one item with this result.
func (t *Tally) Of(r Result) {
	t.Count(r.Verdict)
	t.Flagged.Count(r.Flags)
}

// Add adds another tally.
func (t *Tally) Add(o Tally) {
	t.Received += o.Received
	t.Accepted += o.Accepted
	t.Duplicate += o.Duplicate
	t.Rejected += o.Rejected
	t.Quarantined += o.Quarantined
	t.Suppressed += o.Suppressed
	t.Flagged.Add(o.Flagged)
}

// Report says what became of the items of one call, in their order.
// A call that ends early has results for the items that are stored, and the
// first item without a result is the first that is not.
type Report struct {
	Tally
	Results []Result `json:"results"`
}
