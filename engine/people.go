package engine

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/query"
	"github.com/kithdb/kith/storage/history"
)

// People gives columns of the table profiles for the people for whom a
// condition is true: the name of a segment, or the text of a condition. Without
// columns it gives public_id, first_seen and last_seen.
func (e *Engine) People(ctx context.Context, condition string, columns []string, o *AskOptions) (*sql.Rows, error) {
	const op = "engine.People"
	a, err := e.inquiry(o)
	if err != nil {
		return nil, err
	}
	defer a.close()
	c, err := a.condition(op, condition)
	if err != nil {
		return nil, err
	}
	if len(columns) == 0 {
		columns = []string{"public_id", "first_seen", "last_seen"}
	}
	if err := a.history(ctx); err != nil {
		return nil, err
	}
	quoted := make([]string, len(columns))
	fields := a.w.profiles().Fields()
	for i, name := range columns {
		k := slices.IndexFunc(fields, func(f history.Field) bool { return strings.EqualFold(f.Name, name) })
		if k < 0 {
			return nil, &kith.Error{Op: op, On: "column " + name, Kind: kith.ErrNotFound, Err: errors.New("profiles has no such column")}
		}
		quoted[i] = query.Ident(fields[k].Name)
	}
	who, _, err := a.solve(ctx, op, c, nil)
	if err == nil {
		who, err = a.sample(op, who, o)
	}
	if err != nil {
		return nil, err
	}
	return a.rows(ctx, query.SQL{Text: "SELECT " + strings.Join(quoted, ", ") + " FROM profiles ORDER BY public_id"}, who)
}
