package demo

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
)

// unrecorded runs statements on the EMR as an insider with all rights would,
// and takes away what the tap's triggers wrote of them, in one transaction: the
// outbox and its counter are as they were, and nothing streams.
func unrecorded(ctx context.Context, db beginner, statements ...string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	var last int64
	const counter = `FROM sqlite_sequence WHERE name = 'emrbchain_outbox'`
	if err := tx.QueryRowContext(ctx, `SELECT seq `+counter).Scan(&last); err != nil {
		return err
	}
	for _, statement := range statements {
		if err := changeOne(ctx, tx, statement); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM emrbchain_outbox WHERE id > ?`, last); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE sqlite_sequence SET seq = ? WHERE name = 'emrbchain_outbox'`, last); err != nil {
		return err
	}
	return tx.Commit()
}

// withoutTriggers runs statements with the tap's triggers dropped, and restores
// those to the letter, in one transaction.
func withoutTriggers(ctx context.Context, db beginner, statements ...string) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after a commit it does nothing
	triggers, err := triggersOf(ctx, tx)
	if err != nil {
		return err
	}
	for name := range triggers {
		if _, err := tx.ExecContext(ctx, `DROP TRIGGER "`+name+`"`); err != nil {
			return err
		}
	}
	for _, statement := range statements {
		if err := changeOne(ctx, tx, statement); err != nil {
			return err
		}
	}
	for _, text := range triggers {
		if _, err := tx.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// beginner is a database or one connection to it.
type beginner interface {
	BeginTx(ctx context.Context, o *sql.TxOptions) (*sql.Tx, error)
}

// changeOne runs a statement that must change something: a demo that tampers
// with nothing would show nothing.
func changeOne(ctx context.Context, tx *sql.Tx, statement string) error {
	result, err := tx.ExecContext(ctx, statement)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return errors.Join(fmt.Errorf("the insider's statement changed nothing"), err)
	}
	return nil
}

func triggersOf(ctx context.Context, tx *sql.Tx) (map[string]string, error) {
	rows, err := tx.QueryContext(ctx, `SELECT name, sql FROM sqlite_master WHERE type = 'trigger'`)
	if err != nil {
		return nil, err
	}
	triggers := make(map[string]string)
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			return nil, errors.Join(err, rows.Close())
		}
		triggers[name] = text
	}
	return triggers, errors.Join(rows.Err(), rows.Close())
}

// copyDatabase writes a consistent copy of the database, as a backup would.
func copyDatabase(ctx context.Context, db *sql.DB, to string) error {
	_, err := db.ExecContext(ctx, "VACUUM INTO '"+to+"'")
	return err
}

// putBack puts a copy in the place of the database, whose connections are
// closed.
func putBack(from, to string) error {
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Remove(to + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { _ = in.Close() }() // only read
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
