package enginetest

import (
	"errors"

	"github.com/kithdb/kith"
	"github.com/kithdb/kith/engine"
)

// People gives one line for each person, in an order that does not depend on
// numbers: the identifiers and how many events.
func People(e *engine.Engine) ([]string, error) {
	return Rows(e, `WITH ids AS (
			SELECT profile_id, string_agg(space || ' ' || value || CASE WHEN shared THEN ' (shared)' ELSE '' END, ', ' ORDER BY space, value) AS who
			FROM identifiers GROUP BY profile_id),
		n AS (SELECT profile_id, count(*) AS events FROM events GROUP BY profile_id)
		SELECT who || ': ' || coalesce(events, 0) || CASE WHEN known THEN '' ELSE ', unknown' END
		FROM profiles p LEFT JOIN ids ON ids.profile_id = p.id LEFT JOIN n ON n.profile_id = p.id ORDER BY who`)
}

// missing tells whether an error says that there is nobody of that name.
func missing(err error) bool { return errors.Is(err, kith.ErrNotFound) }
