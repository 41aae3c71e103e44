package engine

import (
	"errors"
	"sync"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// clock is the standing clock of a directory: what now() means in questions.
// It does not touch arrival times, which are Options.Now's.
type clock struct {
	mu  sync.Mutex
	set ClockSetting // guarded by mu
}

// ClockSetting is where the standing clock stands: on the wall, on the newest
// event, or at an instant.
type ClockSetting struct {
	Mode string    `json:"mode"` // wall, data, at
	At   time.Time `json:"at"`   // of mode at
	Seq  kith.Seq  `json:"seq"`  // of the record that set it; 0: it was never set
}

var errBackward = errors.New("the clock goes forward only")

// SetClock sets the standing clock: "wall", "data" (now is the newest event's
// time) or an RFC 3339 instant, which may not lie before an earlier setting.
func (e *Engine) SetClock(spec string) error {
	set := ClockSetting{Mode: spec}
	if spec != "wall" && spec != "data" {
		at, err := time.Parse(time.RFC3339Nano, spec)
		if err != nil {
			return &kith.Error{Op: "engine.SetClock", On: spec, Kind: kith.ErrInvalid, Err: errors.New("give wall, data, or an instant such as 2011-12-10T00:00:00Z")}
		}
		set = ClockSetting{Mode: "at", At: at.UTC()}
	}
	err := e.metaThen(func(tx *storage.Tx, seq kith.Seq, _ int64) error {
		e.clock.mu.Lock()
		defer e.clock.mu.Unlock()
		if old := e.clock.set; set.Mode == "at" && set.At.Before(old.At) {
			return &kith.Error{Op: "engine.SetClock", On: spec, Kind: kith.ErrInvalid, Err: errBackward}
		} else if set.Mode != "at" {
			set.At = old.At // so that a later instant is still compared with it
		}
		set.Seq = seq
		return tx.PutMeta(storage.MetaClock(), set)
	}, func() {
		e.clock.mu.Lock()
		defer e.clock.mu.Unlock()
		e.clock.set = set
	})
	if err != nil {
		return err
	}
	if err := e.inLine(e.rewind); err != nil {
		return err
	}
	return e.tickTo(e.o.now())
}

// Clock gives the standing clock and what it says now.
func (e *Engine) Clock() (ClockSetting, time.Time, error) {
	v, err := e.acquire()
	if err != nil {
		return ClockSetting{}, time.Time{}, err
	}
	defer e.release(v)
	now, err := e.at(v)
	e.clock.mu.Lock()
	defer e.clock.mu.Unlock()
	set := e.clock.set
	if set.Mode == "" {
		set.Mode = "wall"
	}
	return set, now, err
}

// at gives what the standing clock says as of a version.
func (e *Engine) at(v *version) (time.Time, error) {
	e.clock.mu.Lock()
	set := e.clock.set
	e.clock.mu.Unlock()
	switch set.Mode {
	case "at":
		return set.At, nil
	case "data":
		v.newest.once.Do(func() { v.newest.at, v.newest.err = e.newest(v) })
		return v.newest.at, v.newest.err
	}
	return e.o.now().UTC(), nil
}

// newest gives the newest event time that any profile has.
func (e *Engine) newest(v *version) (time.Time, error) {
	newest := int64(storage.NoTime)
	for k := 0; k<<16 < int(v.fragments); k++ {
		img, err := e.people.Last.Image(v.pin, k)
		if err != nil {
			return time.Time{}, err
		}
		for w, has := range img.Has {
			for ; has != 0; has &= has - 1 {
				newest = max(newest, img.I64[w<<6|trailing(has)])
			}
		}
	}
	return instant(newest), nil
}

// openClock reads the standing clock.
func (e *Engine) openClock() error {
	snap := e.store.Snapshot()
	defer snap.Release()
	_, err := snap.Meta(storage.MetaClock(), &e.clock.set)
	return err
}
