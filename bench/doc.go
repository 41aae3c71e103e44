// Package bench measures Kith on worlds, beside DuckDB alone in the same run.
package bench
