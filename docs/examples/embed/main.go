// Command embed is a small service with a customer data platform inside: it
// takes events in over HTTP and answers who a person is.
//
//	go run . -dir shop.kith
//	curl -d '{"type":"identify","userId":"u1","traits":{"email":"ada@example.org"}}' localhost:8080/event
//	curl 'localhost:8080/profile?email=ada@example.org'
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

func main() {
	dir := flag.String("dir", "", "directory of the platform; empty: in memory")
	addr := flag.String("addr", "localhost:8080", "where to listen")
	flag.Parse()
	if err := run(*dir, *addr); err != nil {
		log.Fatal(err)
	}
}

func run(dir, addr string) error {
	e, err := engine.Open(dir, nil)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /event", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, err.Error(), http.StatusRequestEntityTooLarge)
			return
		}
		report, err := e.IngestJSON(r.Context(), "web", body) // durable when it returns
		answer(w, report, err)
	})
	mux.HandleFunc("GET /profile", func(w http.ResponseWriter, r *http.Request) {
		for space, values := range r.URL.Query() {
			p, err := e.Profile(r.Context(), kith.Identifier{Space: space, Value: values[0]})
			answer(w, p, err)
			return
		}
		http.Error(w, "say who: /profile?email=…", http.StatusBadRequest)
	})
	server := &http.Server{Addr: addr, Handler: mux}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	done := context.AfterFunc(ctx, func() { server.Close() }) // the reason is that we were told to
	defer done()
	err = server.ListenAndServe()
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, e.Close())
}

// answer writes v as JSON, or the error under the status of its kind.
func answer(w http.ResponseWriter, v any, err error) {
	status := http.StatusOK
	switch {
	case err == nil:
	case errors.Is(err, kith.ErrNotFound):
		status = http.StatusNotFound
	case errors.Is(err, kith.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, kith.ErrClosed):
		status = http.StatusServiceUnavailable
	default:
		status = http.StatusInternalServerError
	}
	if err != nil {
		http.Error(w, err.Error(), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v) // the client has gone if this fails
}
