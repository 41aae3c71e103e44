package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/bench/world"
	"github.com/kithdb/kith/engine"
)

// demoCmd is `kith demo`, which `make demo` runs.
type demoCmd struct {
	Dir   string `arg:"" optional:"" default:"demo/shop.kith" help:"Where to make it."`
	shape `embed:""`
}

// demoQueries are what the demo asks.
var demoQueries = []struct{ title, text string }{
	{"where people live", `SELECT country, count(*) AS people FROM profiles WHERE country IS NOT NULL GROUP BY ALL ORDER BY people DESC, country LIMIT 5`},
	{"what they do", `SELECT name, count(*) AS events, count(DISTINCT profile_id) AS people FROM events WHERE kind = 'track' GROUP BY ALL ORDER BY events DESC, name LIMIT 5`},
	{"what they spend, by plan", `SELECT p.plan, count(*) AS orders, sum(e.properties.total) AS revenue FROM events e JOIN profiles p ON p.id = e.profile_id WHERE e.name = 'Order Completed' GROUP BY ALL ORDER BY revenue DESC NULLS LAST, plan LIMIT 5`},
}

// demoSegments are kept current from then on. The clock stands at the newest event.
var demoSegments = []struct{ name, text string }{
	{"left_cart", `EXISTS (SELECT 1 FROM events WHERE name = 'Checkout Started' AND ts > now() - INTERVAL 7 DAY AND NOT followed_by(name = 'Order Completed', INTERVAL 1 HOUR))`},
	{"best", `(SELECT sum(properties.total) FROM events WHERE name = 'Order Completed') >= top_percent(1, (SELECT sum(properties.total) FROM events WHERE name = 'Order Completed'))`},
	{"win_back", `in_segment('best') AND NOT EXISTS (SELECT 1 FROM events WHERE name = 'Order Completed' AND ts > now() - INTERVAL 90 DAY)`},
}

// Run makes the demo where it is not there, and shows what came out.
func (c *demoCmd) Run(a *app) error {
	w, err := c.world()
	if err != nil {
		return err
	}
	_, err = os.Stat(filepath.Join(c.Dir, "FORMAT"))
	there := err == nil
	if err := os.MkdirAll(filepath.Dir(c.Dir), 0o755); err != nil {
		return plain(err)
	}
	var text map[string][]byte
	if !there {
		if text, err = c.leave(); err != nil {
			return err
		}
	}
	return a.with(c.Dir, true, func(p platform) error {
		if there {
			fmt.Fprintf(a.stdout, "%s is there already and is not loaded again; to begin anew: rm -r %s\n", c.Dir, c.Dir)
		} else if err := errors.Join(c.tell(a, p, text), c.fill(a, p, w)); err != nil {
			return err
		}
		if err := c.person(a, p); err != nil {
			return err
		}
		return c.show(a, p)
	})
}

// fill pipes a world into the directory.
func (c *demoCmd) fill(a *app, p platform, w world.World) error {
	fmt.Fprintf(a.stdout, "\na world of %s people and %s lines, seed %d, straight into %s\n", group(int64(w.People)), group(int64(w.Events)), w.Seed, c.Dir)
	began := time.Now()
	out, in := io.Pipe()
	var done atomic.Int64
	bar := a.progress("load", int64(w.Events), done.Load, done.Load)
	written := make(chan error, 1)
	go func() {
		err := w.Write(a.ctx, in, func(lines int64) {
			done.Store(lines)
			bar.at(lines)
		})
		in.CloseWithError(err)
		written <- err
	}()
	report, err := p.Load(a.ctx, out, &engine.LoadOptions{Name: "world", Source: "world"})
	out.CloseWithError(err) // a world that nobody reads any more ends
	bar.end()
	if err = errors.Join(err, <-written); err != nil {
		return err
	}
	gone := time.Since(began)
	fmt.Fprintf(a.stdout, "%s received in %s, %s a second: %s\n", group(int64(report.Received)), took(gone),
		group(int64(float64(report.Received)/gone.Seconds())), outcome(report.Tally))
	return nil
}

// show shows what came out: counts, one person, questions, segments, commands.
func (c *demoCmd) show(a *app, p platform) error {
	stats, err := p.Stats(a.ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\n%s events of %s people (%s known) by %s identifiers, %s on disk\n",
		group(int64(stats.Events)), group(int64(stats.Profiles)), group(int64(stats.Known)), group(int64(stats.Fragments)), volume(stats.Bytes))
	began := time.Now()
	who, err := p.Profile(a.ctx, kith.Identifier{Space: "email", Value: world.Ada})
	if err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, "\none person, in %s\n", took(time.Since(began)))
	if err := showProfile(a.stdout, who, nil); err != nil {
		return err
	}
	for _, q := range demoQueries {
		fmt.Fprintf(a.stdout, "\n%s\n  %s\n", q.title, q.text)
		began := time.Now()
		rows, err := p.SQL(a.ctx, q.text)
		if err != nil {
			return err
		}
		err = a.each(formats["table"](a, a.stdout), rows)
		if err = errors.Join(err, rows.Close()); err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "in %s\n", took(time.Since(began)))
	}
	if err := c.segments(a, p); err != nil {
		return err
	}
	kith := os.Args[0]
	_, err = fmt.Fprintf(a.stdout, `
to go on
  %[1]s profile %[2]s email=%[3]s --json
  %[1]s sql %[2]s "SELECT reason, path, count(*) FROM rejects GROUP BY ALL ORDER BY 3 DESC"
  %[1]s segment why %[2]s left_cart email=%[3]s
  %[1]s watch %[2]s                     who enters and leaves, as events come in
  %[1]s map %[4]s            propose a mapping for somebody's file
  %[1]s unload %[2]s 2             take the shop's file back
  %[1]s check %[2]s
`, kith, c.Dir, world.Ada, filepath.Join(filepath.Dir(c.Dir), storyTill))
	return err
}

// segments defines them.
func (c *demoCmd) segments(a *app, p platform) error {
	if err := p.SetClock(a.ctx, "data"); err != nil {
		return err
	}
	fmt.Fprintln(a.stdout, "\nsegments, kept current by every event and by the clock")
	for _, s := range demoSegments {
		began := time.Now()
		if _, err := p.Define(a.ctx, s.name, s.text); err != nil {
			return err
		}
		n, err := p.Count(a.ctx, s.name, nil)
		if err != nil {
			return err
		}
		fmt.Fprintf(a.stdout, "  %s: %s people, in %s\n    %s\n", s.name, group(int64(n)), took(time.Since(began)), s.text)
	}
	return nil
}
