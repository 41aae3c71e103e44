package main

import (
	"bytes"
	"context"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/kithdb/kith/engine"
)

// half is a platform in which things are being built.
type half struct {
	platform
	traits   []engine.ComputedTrait
	segments []engine.Segment
}

func (h *half) ComputedTraits(context.Context) ([]engine.ComputedTrait, error) { return h.traits, nil }
func (h *half) Segments(context.Context) ([]engine.Segment, error)             { return h.segments, nil }

// pty gives the two ends of a terminal.
func pty(t *testing.T) (ours, theirs *os.File) {
	t.Helper()
	ours, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skip("no terminals here")
	}
	n, err := unix.IoctlGetInt(int(ours.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ours.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(ours.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 100})
	}
	if err == nil {
		theirs, err = os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	return ours, theirs
}

// A terminal is told how far the one is that is not only waiting; a pipe is told nothing.
func TestProgressOfBuildingIsShown(t *testing.T) {
	h := &half{
		traits:   []engine.ComputedTrait{{Name: "ltv"}},
		segments: []engine.Segment{{Name: "a", Progress: engine.Progress{Doing: "waiting"}}, {Name: "b", Progress: engine.Progress{Doing: "asking people", People: 4096, Of: 9000}}},
	}
	ours, theirs := pty(t)
	defer ours.Close()
	said := make(chan string)
	go func() {
		var all bytes.Buffer
		buf := make([]byte, 4096)
		for {
			n, err := ours.Read(buf)
			all.Write(buf[:n])
			if strings.Contains(all.String(), "9000") || err != nil {
				said <- all.String()
				io.Copy(io.Discard, ours)
				return
			}
		}
	}()
	a := &app{ctx: t.Context(), stderr: theirs}
	end := a.building(h)
	if s := <-said; !strings.Contains(s, "b: asking people: 4096 of 9000") || strings.Contains(s, "ltv") {
		t.Errorf("the terminal is told %q", s)
	}
	end()
	theirs.Close()

	var pipe bytes.Buffer
	a.stderr = &pipe
	a.building(h)()
	if pipe.Len() > 0 {
		t.Errorf("a pipe is told %q", pipe.String())
	}
	h.segments = h.segments[:1]
	if name, far, err := underWay(t.Context(), h); name != "a" || far.Doing != "waiting" || err != nil {
		t.Errorf("%s is under way, %+v, %v", name, far, err)
	}
}
