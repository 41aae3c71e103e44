package main

import (
	"io"
	"os"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sys/unix"
)

// terminal tells whether something is a terminal, and how wide.
func terminal(w any) (width int, ok bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	ws, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	return int(ws.Col), true
}

// progress shows on a terminal how far something is; elsewhere it shows nothing.
type progress struct {
	bars *mpb.Progress
	bar  *mpb.Bar
}

// progress begins to show how far a thing of a total is; total 0 is not known.
// The count, told by lines, is what people want to see; done is what the time
// left is worked out from.
func (a *app) progress(name string, total int64, lines func() int64, done func() int64) *progress {
	if _, ok := terminal(a.stderr); !ok {
		return &progress{}
	}
	began := time.Now()
	p := &progress{bars: mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(30), mpb.WithRefreshRate(200*time.Millisecond))}
	count := decor.Any(func(decor.Statistics) string {
		n := lines()
		rate := float64(n) / max(time.Since(began).Seconds(), 0.001)
		return " " + group(n) + " lines, " + group(int64(rate)) + "/s"
	})
	left := decor.Any(func(decor.Statistics) string {
		gone, so := time.Since(began).Seconds(), float64(done())
		if total <= 0 || so <= 0 || gone < 1 {
			return ""
		}
		rest := time.Duration(gone * max(float64(total)/so-1, 0) * float64(time.Second))
		return ", " + rest.Round(time.Second).String() + " left"
	})
	p.bar = p.bars.AddBar(total, mpb.PrependDecorators(decor.Name(name+" ")), mpb.AppendDecorators(count, left), mpb.BarRemoveOnComplete())
	return p
}

// at says how far it is.
func (p *progress) at(done int64) {
	if p.bar != nil {
		p.bar.SetCurrent(done)
	}
}

// end takes the bar away.
func (p *progress) end() {
	if p.bar != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

var _ io.Reader = (*input)(nil)
