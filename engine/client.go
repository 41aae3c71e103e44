package engine

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/identity"
)

// Client speaks with the process that owns a directory. Its methods promise
// what those of Engine promise; errors keep their kind and text.
type Client struct {
	dir  string
	http *http.Client
	db   *sql.DB
	free func() // gives the lease back
	done func() // ends the way to the socket
}

// Dial connects to the engine that owns dir, in this process or another, and
// holds it open until Close: an engine that lingers waits for its clients. It is
// ErrLocked, naming the process, when nobody listens there, and ErrNotFound when
// the directory is not one of Kith's.
func Dial(dir string) (*Client, error) {
	if _, err := os.Stat(filepath.Join(dir, "LOCK")); errors.Is(err, os.ErrNotExist) {
		return nil, &kith.Error{Op: "engine.Dial", On: dir, Kind: kith.ErrNotFound}
	}
	path, done, err := reach(dir)
	if err != nil {
		return nil, err
	}
	c := &Client{dir: dir, done: done}
	c.http = &http.Client{Transport: &http.Transport{
		DisableCompression: true, MaxIdleConns: 4,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
	ctx, cancel := context.WithCancel(context.Background())
	r, err := c.send(ctx, http.MethodGet, "/lease", nil)
	if err != nil || r.StatusCode != http.StatusOK {
		if err == nil {
			r.Body.Close() // of the refusal
		}
		cancel()
		c.done()
		return nil, &kith.Error{Op: "engine.Dial", On: dir, Kind: kith.ErrLocked, Err: errors.New("process " + pid(dir) + " owns it and does not listen")}
	}
	c.free = func() {
		cancel()
		r.Body.Close() // nothing is in it
	}
	c.db = sql.OpenDB(&dialler{c})
	return c, nil
}

// Close gives the lease back. It does not close the engine.
func (c *Client) Close() error {
	err := c.db.Close()
	c.free()
	c.http.CloseIdleConnections()
	c.done()
	return err
}

// send asks and gives the answer as it comes.
func (c *Client) send(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://kith"+path, body)
	if err != nil {
		return nil, err
	}
	if in, ok := body.(*counting); ok {
		req.Trailer = in.broken
	}
	r, err := c.http.Do(req)
	switch {
	case err == nil:
		return r, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, errCut // the address, which is in err, helps nobody
}

// tell asks and reads a reply.
func tell[T any](ctx context.Context, c *Client, method, path string, body io.Reader) (T, error) {
	r, err := c.send(ctx, method, path, body)
	if err != nil {
		var none T
		return none, err
	}
	defer r.Body.Close()
	answer, err := receive[T](r.Body)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return answer, err
}

// asked gives a question as the body of a request.
func asked(v any) io.Reader {
	text, err := json.Marshal(v)
	if err != nil {
		panic("unreachable") // only our own shapes are asked
	}
	return bytes.NewReader(text)
}

// Unload takes a load back, as Engine.Unload does. It tells no progress.
func (c *Client) Unload(ctx context.Context, load uint32, o *UnloadOptions) (UnloadReport, error) {
	if o == nil {
		o = &UnloadOptions{}
	}
	return tell[UnloadReport](ctx, c, http.MethodPost, "/unload", asked(unloadQuestion{load, o.DryRun, o.Wait}))
}

// IngestJSON takes events in, as Engine.IngestJSON does.
func (c *Client) IngestJSON(ctx context.Context, source string, body []byte) (kith.Report, error) {
	return tell[kith.Report](ctx, c, http.MethodPost, "/ingest?"+url.Values{"source": {source}}.Encode(), bytes.NewReader(body))
}

// Flagged gives the newest n events of a person that were flagged, as Engine.Flagged does.
func (c *Client) Flagged(ctx context.Context, id kith.Identifier, n int) ([]kith.Happening, error) {
	return tell[[]kith.Happening](ctx, c, http.MethodPost, "/flagged", asked(person{Space: id.Space, Value: id.Value, N: n}))
}

// Profile gives the person that an identifier points at, as Engine.Profile does.
func (c *Client) Profile(ctx context.Context, id kith.Identifier) (*kith.Profile, error) {
	p, err := tell[*kith.Profile](ctx, c, http.MethodPost, "/profile", asked(person{Space: id.Space, Value: id.Value}))
	if err != nil {
		return nil, err
	}
	for i := range p.Links {
		if l := &p.Links[i]; l.Rule == "" {
			l.With = kith.NoFragment
		}
	}
	return p, nil
}

// Find gives the people who fit what was typed, as Engine.Find does.
func (c *Client) Find(ctx context.Context, typed string, o *FindOptions) (kith.Found, error) {
	if o == nil {
		o = &FindOptions{}
	}
	return tell[kith.Found](ctx, c, http.MethodPost, "/find", asked(findQuestion{typed, o.Limit}))
}

// Timeline gives the newest n events of a person, as Engine.Timeline does.
func (c *Client) Timeline(ctx context.Context, id kith.Identifier, n int) ([]kith.Happening, error) {
	return tell[[]kith.Happening](ctx, c, http.MethodPost, "/timeline", asked(person{Space: id.Space, Value: id.Value, N: n}))
}

// SQL answers one statement that reads, as Engine.SQL does. The values of
// columns without a type of Go's own, such as decimals and lists, come as
// json.Number and json.RawMessage.
func (c *Client) SQL(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return c.db.QueryContext(ctx, query, args...)
}

// Stats says what is in the platform.
func (c *Client) Stats(ctx context.Context) (Stats, error) {
	return tell[Stats](ctx, c, http.MethodGet, "/stats", nil)
}

// Schema says what is said about people, as Engine.Schema does; nobody is told of its progress.
func (c *Client) Schema(ctx context.Context, o *SchemaOptions) (*Schema, error) {
	if o == nil {
		o = &SchemaOptions{}
	}
	return tell[*Schema](ctx, c, http.MethodPost, "/schema", asked(*o))
}

// Clock gives the standing clock and what it says now.
func (c *Client) Clock(ctx context.Context) (ClockSetting, time.Time, error) {
	r, err := tell[clockReply](ctx, c, http.MethodGet, "/clock", nil)
	if err != nil || r.Now == "" {
		return r.ClockSetting, time.Time{}, err
	}
	now, err := time.Parse(time.RFC3339Nano, r.Now)
	return r.ClockSetting, now, err
}

// SetClock sets the standing clock, as Engine.SetClock does.
func (c *Client) SetClock(ctx context.Context, spec string) error {
	_, err := tell[any](ctx, c, http.MethodPut, "/clock", asked(spec))
	return err
}

// Rules gives the rules of identity that are in force.
func (c *Client) Rules(ctx context.Context) (identity.Rules, error) {
	text, err := tell[json.RawMessage](ctx, c, http.MethodGet, "/rules", nil)
	if err != nil {
		return identity.Rules{}, err
	}
	return identity.Parse(text)
}

// SetRules puts other rules into force, as Engine.SetRules does.
func (c *Client) SetRules(ctx context.Context, r identity.Rules) error {
	_, err := tell[any](ctx, c, http.MethodPut, "/rules", bytes.NewReader(r.Format()))
	return err
}

// Check proves the platform while it goes on, as Engine.Check does. It cannot
// rebuild: the engine that answers would be taken away from whoever owns it.
func (c *Client) Check(ctx context.Context, o *CheckOptions) (CheckReport, error) {
	if o != nil && o.Rebuild {
		return CheckReport{}, &kith.Error{Op: "engine.Client.Check", Kind: kith.ErrUnsupported, Err: errors.New("a running service cannot be rebuilt beneath itself: end it first")}
	}
	out, err := tell[checkReply](ctx, c, http.MethodPost, "/check", nil)
	return out.report(), err
}

// Backup copies the data to dest, as Engine.Backup does. The owner copies: dest
// is a path of his, absolute, and written with his rights.
func (c *Client) Backup(ctx context.Context, dest string) error {
	_, err := tell[any](ctx, c, http.MethodPost, "/backup", asked(dest))
	return err
}

// BackupKeys copies the keys to dest, as Engine.BackupKeys does; see Backup.
func (c *Client) BackupKeys(ctx context.Context, dest string) error {
	_, err := tell[any](ctx, c, http.MethodPost, "/backup/keys", asked(dest))
	return err
}
