//go:build unix

package faults

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	childEnv = "KITH_FAULTS_CHILD"
	crashEnv = "KITH_CRASH_AT"
)

// Victim is a process that runs one test of this binary again, to be killed.
type Victim struct {
	cmd  *exec.Cmd
	out  strings.Builder
	done chan struct{} // closed when all of the acknowledgements are read

	mu    sync.Mutex // guards what follows
	death Death
	ended bool // nothing more will be acknowledged
	ready *sync.Cond
	once  sync.Once // the process is waited for once
}

// Death is what is known after a victim has ended.
type Death struct {
	Acks   []string // what it acknowledged, in order; the last is whole
	Points []string // the named points it came to, each once, in order of first sight
	Killed bool     // ended by SIGKILL; otherwise by itself
	Code   int      // its exit code, if it ended by itself
	Output string   // what it wrote to standard output and error
}

// Start runs the test of that name in a process of its own, with more variables
// of environment ("NAME=value"). In that process Child is true, and the test
// should do the work and call Ack for what it may never lose.
func Start(t testing.TB, test string, env ...string) *Victim {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	v := &Victim{cmd: exec.Command(os.Args[0], "-test.run="+exactly(test), "-test.v", "-test.count=1"), done: make(chan struct{})}
	v.ready = sync.NewCond(&v.mu)
	v.cmd.Env = append(append(os.Environ(), childEnv+"="+test), env...)
	v.cmd.ExtraFiles = []*os.File{w}
	v.cmd.Stdout, v.cmd.Stderr = &v.out, &v.out
	err = v.cmd.Start()
	w.Close() // the victim has its own
	if err != nil {
		r.Close() // nothing was read from it
		t.Fatal(err)
	}
	go v.listen(r)
	t.Cleanup(func() { v.Kill() })
	return v
}

// exactly is the pattern of -test.run for one test and its parents.
func exactly(name string) string {
	return "^" + strings.ReplaceAll(name, "/", "$/^") + "$"
}

// CrashAt is the variable of environment that makes a victim kill itself when
// it comes to the named point for the count-th time.
func CrashAt(point string, count int) string {
	return crashEnv + "=" + point + ":" + strconv.Itoa(count)
}

// listen collects what the victim says until it is gone. A line that it could
// not finish is not an acknowledgement.
func (v *Victim) listen(r *os.File) {
	defer close(v.done)
	defer r.Close()
	in := bufio.NewReader(r)
	for {
		line, err := in.ReadString('\n')
		v.mu.Lock()
		if err == nil {
			line = line[:len(line)-1]
			if name, ok := strings.CutPrefix(line, "@"); ok {
				v.death.Points = append(v.death.Points, name)
			} else {
				v.death.Acks = append(v.death.Acks, strings.TrimPrefix(line, "="))
			}
		}
		v.ended = err != nil
		v.ready.Broadcast()
		v.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// Acked waits until the victim has acknowledged n times, or has ended, and gives
// how often it has.
func (v *Victim) Acked(n int) int {
	v.mu.Lock()
	defer v.mu.Unlock()
	for len(v.death.Acks) < n && !v.ended {
		v.ready.Wait()
	}
	return len(v.death.Acks)
}

// Kill sends SIGKILL and waits for the end.
func (v *Victim) Kill() Death {
	v.cmd.Process.Kill() // an error says that it has ended already
	return v.Wait()
}

// KillAfter lets the victim live so long, and then kills it.
func (v *Victim) KillAfter(d time.Duration) Death {
	select {
	case <-v.done:
	case <-time.After(d):
	}
	return v.Kill()
}

// Wait waits until the victim ends by itself or at a named point.
func (v *Victim) Wait() Death {
	<-v.done
	v.once.Do(func() {
		v.cmd.Wait() // how it ended is read below
		st, ok := v.cmd.ProcessState.Sys().(syscall.WaitStatus)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.death.Killed = ok && st.Signaled() && st.Signal() == syscall.SIGKILL
		v.death.Code = v.cmd.ProcessState.ExitCode()
		v.death.Output = v.out.String()
	})
	return v.death
}

// The pipe to the parent is the victim's alone: its own children would keep it open.
func init() {
	if Child() {
		syscall.CloseOnExec(3)
	}
}

// Child tells whether this process is a victim.
func Child() bool { return os.Getenv(childEnv) != "" }

// mouth is the victim's way to its parent.
var mouth = sync.OnceValue(func() *os.File { return os.NewFile(3, "acknowledgements") })

// Ack tells the parent, before it returns, what the victim has acknowledged: one
// line without a newline in it. It is one write, so that it is whole or not at all.
func Ack(line string) error {
	_, err := mouth().WriteString("=" + line + "\n")
	return err
}

// points counts the named points that a victim comes to.
var points struct {
	mu    sync.Mutex // guards what follows
	seen  map[string]int
	name  string
	count int
}

// Point is the hook for an engine's named points: it tells the parent of each new
// one, and kills the process at the one that KITH_CRASH_AT names, as "name:count".
// In a process that is no victim it does nothing.
func Point(name string) {
	if !Child() {
		return
	}
	points.mu.Lock()
	defer points.mu.Unlock()
	if points.seen == nil {
		points.seen = map[string]int{}
		points.name, points.count = crashAt()
	}
	points.seen[name]++
	if points.seen[name] == 1 {
		if _, err := mouth().WriteString("@" + name + "\n"); err != nil {
			fmt.Fprintln(os.Stderr, "tell the parent of a point:", err)
		}
	}
	if name != points.name || points.seen[name] != points.count {
		return
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
		fmt.Fprintln(os.Stderr, "kill at a point:", err)
	}
	select {} // nothing more happens here
}

func crashAt() (name string, count int) {
	name, n, ok := strings.Cut(os.Getenv(crashEnv), ":")
	if !ok {
		return name, 1
	}
	count, err := strconv.Atoi(n)
	if err != nil {
		fmt.Fprintln(os.Stderr, crashEnv+" should be name:count")
	}
	return name, count
}
