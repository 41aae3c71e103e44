package enginetest

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// trial is a test that may fail without the test that tries it failing.
type trial struct {
	testing.TB
	said []string
}

type stopped struct{}

func (p *trial) Helper()                   {}
func (p *trial) Error(args ...any)         { p.said = append(p.said, fmt.Sprint(args...)) }
func (p *trial) Errorf(f string, a ...any) { p.said = append(p.said, fmt.Sprintf(f, a...)) }
func (p *trial) Fatal(args ...any)         { p.Error(args...); panic(stopped{}) }
func (p *trial) Fatalf(f string, a ...any) { p.Errorf(f, a...); panic(stopped{}) }

// try gives what f would have failed with.
func try(t testing.TB, f func(t testing.TB)) (said []string) {
	p := &trial{TB: t}
	defer func() {
		said = p.said
		if r := recover(); r != nil && r != (stopped{}) {
			panic(r)
		}
	}()
	f(p)
	return p.said
}

// holds fails the test if f does with the lines, and then looks for a smaller
// stream that fails too, and shows that one.
func holds(t testing.TB, lines []string, f func(t testing.TB, lines []string)) {
	t.Helper()
	said := try(t, func(t testing.TB) { f(t, lines) })
	if len(said) == 0 {
		return
	}
	first := said[0]
	for end, n := time.Now().Add(time.Minute), len(lines)/2; n > 0; n /= 2 {
		for at := 0; at+n <= len(lines) && time.Now().Before(end); {
			less := slices.Delete(slices.Clone(lines), at, at+n)
			if s := try(t, func(t testing.TB) { f(t, less) }); len(s) > 0 && len(less) > 0 {
				lines, said = less, s
				continue
			}
			at += n
		}
	}
	t.Errorf("%s\nthe smallest stream found that fails (%s):\n%s", first, said[0], strings.Join(lines, "\n"))
}

// A stream that fails because of two lines is brought down to these.
func TestShrink(t *testing.T) {
	var smallest int
	said := try(t, func(t testing.TB) {
		holds(t, strings.Split("abcdefghijklmnop", ""), func(t testing.TB, lines []string) {
			if slices.Contains(lines, "c") && slices.Contains(lines, "n") {
				smallest = len(lines)
				t.Fatal("c and n")
			}
		})
	})
	if len(said) != 1 || smallest != 2 || !strings.HasSuffix(said[0], "\nc\nn") {
		t.Errorf("shrunk to %d lines: %q", smallest, said)
	}
}
