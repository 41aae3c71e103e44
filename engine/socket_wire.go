package engine

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"github.com/kithdb/kith"
)

// What goes over the socket: every answer but that of /sql is one reply.

// reply is an answer, an error, or, of a load that ended early, both.
type reply[T any] struct {
	Answer T      `json:"answer"`
	Error  *fault `json:"error,omitempty"`
}

// fault is an error in words that another process can read back.
type fault struct {
	Kind string `json:"kind"`
	Text string `json:"text"`
}

// statuses maps the kinds of error to statuses of HTTP.
var statuses = []struct {
	kind   error
	status int
}{
	{ErrChanged, http.StatusConflict}, // it is invalid, too
	{kith.ErrInvalid, http.StatusBadRequest},
	{kith.ErrNotFound, http.StatusNotFound},
	{kith.ErrExists, http.StatusConflict},
	{kith.ErrDenied, http.StatusForbidden},
	{kith.ErrUnsupported, http.StatusNotImplemented},
	{kith.ErrClosed, http.StatusServiceUnavailable},
	{kith.ErrLocked, http.StatusLocked},
	{kith.ErrCorrupt, http.StatusInternalServerError},
	{ErrTooMany, http.StatusUnprocessableEntity},
	{context.Canceled, http.StatusRequestTimeout},
	{context.DeadlineExceeded, http.StatusRequestTimeout},
}

// faultOf puts an error into words, and gives its status.
func faultOf(err error) (*fault, int) {
	for _, s := range statuses {
		if errors.Is(err, s.kind) {
			return &fault{s.kind.Error(), err.Error()}, s.status
		}
	}
	return &fault{"", err.Error()}, http.StatusInternalServerError
}

// told is an error that the owner of the directory told: its text, and its kind.
type told struct {
	text string
	kind error
}

func (t *told) Error() string { return t.text }
func (t *told) Unwrap() error { return t.kind }

// err gives the error back; nil is no error.
func (f *fault) err() error {
	if f == nil {
		return nil
	}
	t := &told{text: f.Text}
	for _, s := range statuses {
		if s.kind.Error() == f.Kind {
			t.kind = s.kind
		}
	}
	return t
}

// send writes a reply.
func send[T any](w http.ResponseWriter, answer T, err error) {
	out, status := reply[T]{Answer: answer}, http.StatusOK
	if err != nil {
		out.Error, status = faultOf(err)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.Encode(out) // whoever asked has gone if this fails
}

// receive reads a reply.
func receive[T any](r io.Reader) (T, error) {
	var in reply[T]
	if err := json.NewDecoder(r).Decode(&in); err != nil {
		return in.Answer, errCut
	}
	return in.Answer, in.Error.err()
}

var errCut = &kith.Error{Op: "kith.sock", Kind: kith.ErrClosed, Err: errors.New("the process that owns the directory ended before it had answered, or nobody read its answer for a minute")}

// loadReply is a LoadReport on its way.
type loadReply struct {
	kith.Tally
	Load     uint32       `json:"load"`
	Rows     int64        `json:"rows"`
	Excepted int64        `json:"excepted"`
	Earlier  int64        `json:"earlier"`
	First    []issueReply `json:"first"`
}

type issueReply struct {
	Line   int64       `json:"line"`
	Result kith.Result `json:"result"`
}

func (r *LoadReport) wire() loadReply {
	out := loadReply{Tally: r.Tally, Load: r.Load, Rows: r.Rows, Excepted: r.Excepted, Earlier: r.Earlier}
	for _, i := range r.First {
		out.First = append(out.First, issueReply{i.Line, i.Result})
	}
	return out
}

func (r *loadReply) report() LoadReport {
	out := LoadReport{Tally: r.Tally, Load: r.Load, Rows: r.Rows, Excepted: r.Excepted, Earlier: r.Earlier}
	for _, i := range r.First {
		out.First = append(out.First, Issue{i.Line, i.Result})
	}
	return out
}

// checkReply is a CheckReport on its way: its errors as words.
type checkReply struct {
	CheckReport
	Problems []problemReply `json:"problems"`
}

type problemReply struct {
	What  string `json:"what"`
	On    string `json:"on"`
	Error *fault `json:"error"`
	More  int64  `json:"more"`
}

func (r *CheckReport) wire() checkReply {
	out := checkReply{CheckReport: *r}
	for _, p := range r.Problems {
		f, _ := faultOf(p.Err)
		out.Problems = append(out.Problems, problemReply{p.What, p.On, f, p.More})
	}
	return out
}

func (r *checkReply) report() CheckReport {
	out := r.CheckReport
	for _, p := range r.Problems {
		out.Problems = append(out.Problems, Problem{p.What, p.On, p.Error.err(), p.More})
	}
	return out
}

// clockReply is what Clock gives.
type clockReply struct {
	ClockSetting
	Now string `json:"now"` // RFC 3339; empty: there is no event yet
}

// question is what /sql is asked.
type question struct {
	Query  string          `json:"query"`
	Args   []any           `json:"args"`
	People *peopleQuestion `json:"people,omitempty"`
}

// headLine is the first line that /sql answers; rows follow as arrays.
type headLine struct {
	Columns []Column `json:"columns"`
}

// lastLine is the last: without it the answer was cut off.
type lastLine struct {
	Rows  int64  `json:"rows"`
	Error *fault `json:"error,omitempty"`
}
