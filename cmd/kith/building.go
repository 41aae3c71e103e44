package main

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"github.com/kithdb/kith/engine"
)

// building shows on a terminal how far what is being built is, until end is
// called; elsewhere it shows nothing.
func (a *app) building(p platform) (end func()) {
	if _, ok := terminal(a.stderr); !ok {
		return func() {}
	}
	var line atomic.Value
	line.Store("")
	bars := mpb.New(mpb.WithOutput(a.stderr), mpb.WithWidth(30), mpb.WithRefreshRate(200*time.Millisecond))
	bar := bars.AddBar(0, mpb.AppendDecorators(decor.Any(func(decor.Statistics) string { return " " + line.Load().(string) })), mpb.BarRemoveOnComplete())
	ctx, stop := context.WithCancel(a.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			name, far, err := underWay(ctx, p)
			if err == nil && name != "" {
				line.Store(name + ": " + far.String())
				bar.SetTotal(far.Of, false)
				bar.SetCurrent(far.People)
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
		}
	}()
	return func() {
		stop()
		<-done
		bar.Abort(true)
		bars.Wait()
	}
}

// underWay gives the name of what is being built now, and how far it is; what
// waits is named only where nothing else is.
func underWay(ctx context.Context, p platform) (name string, far engine.Progress, err error) {
	traits, err := p.ComputedTraits(ctx)
	if err != nil {
		return "", far, err
	}
	segments, err := p.Segments(ctx)
	if err != nil {
		return "", far, err
	}
	note := func(n string, p engine.Progress) {
		if p.Doing != "" && (name == "" || far.Doing == "waiting") {
			name, far = n, p
		}
	}
	for _, t := range traits {
		note(t.Name, t.Progress)
	}
	for _, s := range segments {
		note(s.Name, s.Progress)
	}
	return name, far, nil
}

// unbuilt says how far something is that another process builds. What we build
// ourselves, because we have just opened the directory, nobody waits for.
func unbuilt(p platform, far engine.Progress) string {
	if _, own := p.(*direct); own || far.Doing == "" {
		return ""
	}
	return "  being built, " + far.String()
}
