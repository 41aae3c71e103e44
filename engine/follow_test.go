package engine

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/storage"
)

// Half of the bytes that may wait are no reason to flush: a flush that is
// smaller than a row group goes through DuckDB's log and is written twice.
func TestBytesAloneFlushWhenAllThatMayWaitIsThere(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes int
		want  time.Duration
	}{
		{"three quarters wait for more", 750, flushIdle},
		{"all goes at once", 1000, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFollower(nil, 1000)
				begin := time.Now()
				f.put([]piece{{blob: make([]byte, c.bytes), events: make([]storage.EventMark, 1), from: 1, newest: kith.Seq(1)}})
				if pieces, ok := f.next(); !ok || len(pieces) != 1 {
					t.Fatalf("next = %d pieces, %v", len(pieces), ok)
				}
				if got := time.Since(begin); got != c.want {
					t.Errorf("flushed after %s, want %s", got, c.want)
				}
			})
		})
	}
}
