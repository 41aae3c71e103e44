package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"
)

// socket lets other processes of this machine speak with the engine that owns
// the directory, over HTTP on the file kith.sock.
type socket struct {
	server *http.Server
	done   chan struct{}
}

// listen opens the socket, unless told not to.
func (e *Engine) listen() error {
	if e.dir == "" || e.o.NoSocket {
		return nil
	}
	path := e.path("kith.sock")
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("clear the socket: %w", err)
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("open the socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return errors.Join(err, ln.Close())
	}
	s := &socket{done: make(chan struct{}), server: &http.Server{Handler: e.routes(), ReadHeaderTimeout: 10 * time.Second}}
	e.socket = s
	go func() {
		defer close(s.done)
		s.server.Serve(ln) // ends with Close
	}()
	return nil
}

// deafen closes the socket; requests under way get a moment to end.
func (e *Engine) deafen() error {
	if e.socket == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if e.socket.server.Shutdown(ctx) != nil {
		e.socket.server.Close() // what has not ended by now is cut off
	}
	<-e.socket.done
	return nil
}

func (e *Engine) routes() http.Handler {
	mux := http.NewServeMux()
	return mux
}
