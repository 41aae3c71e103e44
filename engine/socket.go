package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/kithdb/kith"
)

// socketName is the file in the directory that other processes connect to.
const socketName = "kith.sock"

// An answer under way holds a version of everything, and with it all that has
// changed since. So whoever asks over the socket and does not read may not hold
// many, nor for long. Tests set them.
var (
	mostRows = 64
	rowsIdle = time.Minute
)

// socket lets other processes of this machine speak with the engine that owns
// the directory, over HTTP on the file kith.sock. Whoever speaks holds a lease,
// so that an engine that is about to close can wait for him.
type socket struct {
	server *http.Server
	done   chan struct{}  // closed when no more connections are accepted
	stop   func()         // ends what is being served
	busy   sync.WaitGroup // the requests being served
	rows   chan struct{}  // a place for each answer of rows that may be under way
	idle   time.Duration  // how long one of them waits for its reader

	mu      sync.Mutex
	leaving bool          // guarded by mu: no new leases
	leases  int           // guarded by mu
	free    chan struct{} // closed when leaving and no lease is held
	left    chan struct{} // closed to take the leases back
}

// listen opens the socket, unless told not to.
func (e *Engine) listen() error {
	if e.dir == "" || e.o.NoSocket || e.o.ReadOnly {
		return nil
	}
	if err := os.Remove(e.path(socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear the socket: %w", err)
	}
	ln, err := listenAt(e.dir)
	if err != nil {
		return fmt.Errorf("open the socket: %w", err)
	}
	if err := os.Chmod(e.path(socketName), 0o600); err != nil {
		return errors.Join(err, ln.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &socket{rows: make(chan struct{}, mostRows), idle: rowsIdle, done: make(chan struct{}), stop: stop, free: make(chan struct{}), left: make(chan struct{})}
	s.server = &http.Server{
		Handler: s.counted(e.routes(s)), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	e.socket = s
	go func() {
		defer close(s.done)
		s.server.Serve(ln) // ends with Close
	}()
	return nil
}

// counted serves a request and counts it, so that the engine is not closed beneath it.
func (s *socket) counted(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.busy.Add(1)
		defer s.busy.Done()
		h.ServeHTTP(w, r)
	})
}

// Linger gives no other process a new lease on the directory and waits until
// those that have one are done. A command that opened the directory for one
// statement calls it before Close, so that it does not cut off a load that began
// beside it. The error is that of ctx.
func (e *Engine) Linger(ctx context.Context) error {
	s := e.socket
	if s == nil {
		return nil
	}
	s.leave()
	select {
	case <-s.free:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Served tells how many other processes hold a lease on the directory.
func (e *Engine) Served() int {
	if e.socket == nil {
		return 0
	}
	e.socket.mu.Lock()
	defer e.socket.mu.Unlock()
	return e.socket.leases
}

// leave says that no new leases are given.
func (s *socket) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.leaving {
		s.leaving = true
		if s.leases == 0 {
			close(s.free)
		}
	}
}

// lease holds a connection open until the other process, or the engine, ends it.
func (s *socket) lease(w http.ResponseWriter, r *http.Request) error {
	s.mu.Lock()
	if s.leaving {
		s.mu.Unlock()
		return &kith.Error{Op: "engine", Kind: kith.ErrClosed}
	}
	s.leases++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.leases--; s.leaving && s.leases == 0 {
			close(s.free)
		}
	}()
	w.WriteHeader(http.StatusOK)
	if err := http.NewResponseController(w).Flush(); err != nil {
		return err
	}
	select {
	case <-r.Context().Done():
	case <-s.left:
	}
	return nil
}

// deafen closes the socket; requests under way get two seconds to end.
func (e *Engine) deafen() error {
	s := e.socket
	if s == nil {
		return nil
	}
	s.leave()
	close(s.left)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if s.server.Shutdown(ctx) != nil {
		s.stop()
		s.server.Close() // what has not ended by now is cut off
	}
	<-s.done
	s.stop()
	s.busy.Wait()
	if err := os.Remove(e.path(socketName)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove the socket: %w", err)
	}
	return nil
}

// longest is how long the path of a socket may be on every system.
const longest = 100

// listenAt makes the socket of a directory.
func listenAt(dir string) (net.Listener, error) {
	path, done, err := reach(dir)
	if err != nil {
		return nil, err
	}
	defer done()
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	ln.(*net.UnixListener).SetUnlinkOnClose(false) // the path may be reach's; deafen removes the file
	return ln, nil
}

// reach gives a path of the socket that is short enough to connect to, good
// until done is called. The kernel allows 108 bytes; on Linux a longer path is
// reached through the descriptor of the directory.
func reach(dir string) (path string, done func(), err error) {
	path = filepath.Join(dir, socketName)
	if len(path) <= longest {
		return path, func() {}, nil
	}
	if runtime.GOOS != "linux" {
		return "", nil, &kith.Error{Op: "engine", On: dir, Kind: kith.ErrUnsupported, Err: errors.New("the path is too long for a socket: choose a shorter one, or set Options.NoSocket")}
	}
	d, err := os.Open(dir)
	if err != nil {
		return "", nil, err
	}
	return filepath.Join("/proc/self/fd", strconv.Itoa(int(d.Fd())), socketName), func() { d.Close() }, nil
}
