package mysql

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"maps"
	"time"

	"github.com/go-mysql-org/go-mysql/replication"
	driver "github.com/go-sql-driver/mysql"
)

const (
	dialPatience = 10 * time.Second
	// heartbeat is how long an idle server stays silent. It bounds how long a
	// fence waits where nothing is written, and how late a cut is noticed.
	heartbeat       = 500 * time.Millisecond
	heartbeatMisses = 30
	// connections is how many reads of the source run at once.
	connections = 4
	// metadataLockWait bounds how long a read queues behind an ALTER TABLE.
	metadataLockWait = "5"
	// stoppedPatience is how long, in seconds, the server keeps a read open whose
	// reader stands still.
	stoppedPatience = "10"
)

// openReads returns connections for reading rows. What they set makes a row
// that is read equal to the row in the log: bytes of the column's own character
// set, times in UTC, CHAR without padding. Every query for rows is a prepared
// one, because only the binary protocol returns floats whole.
func openReads(s *settings, d *dialect) (*sql.DB, error) {
	config := driverConfig(s)
	config.Params = map[string]string{
		"time_zone":             "'+00:00'",
		"character_set_results": "NULL",
		"sql_mode":              "'ALLOW_INVALID_DATES'",
		"lock_wait_timeout":     metadataLockWait,
		// What the server gives to all sessions must not cut an answer short, nor
		// show rows as they once were or tables otherwise than they are read here.
		"sql_select_limit":      "18446744073709551615",
		"sql_quote_show_create": "1",
		"max_sort_length":       "65536", // else rows of keys that begin alike come in any order
		"autocommit":            "1",
		"completion_type":       "'NO_CHAIN'",
		// A tap that is stopped holds a table's definition no longer than this.
		"net_write_timeout": stoppedPatience,
	}
	maps.Copy(config.Params, d.session)
	if err := config.Apply(driver.Charset("utf8mb4", "")); err != nil {
		return nil, err
	}
	db, err := openConfig(config)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(time.Minute)
	return db, nil
}

// openPlain returns connections with the server's own settings.
func openPlain(s *settings) (*sql.DB, error) { return openConfig(driverConfig(s)) }

func driverConfig(s *settings) *driver.Config {
	config := driver.NewConfig()
	config.User, config.Passwd, config.TLS = s.User, s.password, s.tls
	config.Net, config.Addr = s.network()
	config.Timeout = dialPatience
	config.Logger = &driver.NopLogger{}
	config.MaxAllowedPacket = 0 // the server's own limit
	return config
}

func openConfig(config *driver.Config) (*sql.DB, error) {
	connector, err := driver.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

// syncerConfig returns how the binary log is read.
func syncerConfig(s *settings, d *dialect, handler replication.EventHandler) replication.BinlogSyncerConfig {
	config := replication.BinlogSyncerConfig{
		ServerID:            s.ServerID,
		Flavor:              d.flavor,
		Host:                s.Host,
		Port:                s.Port,
		User:                s.User,
		Password:            s.password,
		TLSConfig:           s.tls,
		HeartbeatPeriod:     heartbeat,
		ReadTimeout:         heartbeatMisses * heartbeat,
		DisableRetrySync:    true, // its retry sends parts of transactions twice
		DiscardGTIDSet:      true,
		EventCacheCount:     1,
		Logger:              slog.New(slog.DiscardHandler),
		RowsEventDecodeFunc: keepRows,
		// Table maps are read by parseTableMap, and only those of tapped tables.
		TableMapOptionalMetaDecodeFunc: func([]byte) error { return nil },
		SynchronousEventHandler:        handler,
	}
	if s.Socket != "" {
		config.Host, config.Port = s.Socket, 0
	}
	return config
}

// keepRows reads the head of a row event alone and keeps its rows as the bytes
// that they are, in the place where the library would put decoded rows.
func keepRows(event *replication.RowsEvent, data []byte) error {
	offset, err := event.DecodeHeader(data)
	if err != nil {
		return err
	}
	event.Rows = [][]any{{data[offset:]}}
	return nil
}

// closeRows closes a result, keeping the first error.
func closeRows(rows *sql.Rows, err error) error {
	return errors.Join(err, rows.Err(), rows.Close())
}

// queryStrings returns all rows of a query as text, NULL as "".
func queryStrings(ctx context.Context, db querier, query string, args ...any) (result [][]string, err error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { err = closeRows(rows, err) }()
	names, err := rows.Columns()
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		cells := make([]sql.NullString, len(names))
		targets := make([]any, len(names))
		for i := range cells {
			targets[i] = &cells[i]
		}
		if err := rows.Scan(targets...); err != nil {
			return nil, err
		}
		texts := make([]string, len(names))
		for i, cell := range cells {
			texts[i] = cell.String
		}
		result = append(result, texts)
	}
	return result, nil
}

// A querier is a database, a connection or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}
