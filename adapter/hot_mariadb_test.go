package adapter_test

import (
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/sidecartest"
	"github.com/emrbchain/emrbchain/plugins/mysql/mariadbtest"
)

// TestRowsThatCascadesChangeAllTheTimeAreFollowedOnMariaDB: rows that a foreign key
// changes faster than they can be read are followed all the same. Audits meanwhile
// end, and find an unrecorded edit and nothing else.
func TestRowsThatCascadesChangeAllTheTimeAreFollowedOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{})
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), holeSource(t, server, []hole{cascading()}))
	sidecar.Start()
	sidecar.Covered()
	began := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var group sync.WaitGroup
	cascades := 0
	group.Go(func() { cascades = repeat(ctx, t, server.Admin(), `UPDATE p SET k = k + 10 WHERE id = 1`) })
	group.Go(func() {
		repeat(ctx, t, server.Admin(), `BEGIN`, `DELETE FROM p WHERE id = 2`, `INSERT INTO p VALUES (2, 2, 1)`,
			`UPDATE c SET k = 2, v = v + 1 WHERE id = 2`, `UPDATE c SET v = v + 1 WHERE id = 2`, `INSERT INTO d VALUES (2, 2)`,
			`UPDATE e SET k = 2 WHERE id = 2`, `COMMIT`)
	})
	group.Go(func() { repeat(ctx, t, server.Admin(), `UPDATE c SET v = v + 1 WHERE id = 3`) })
	audits := 0
	for ; time.Since(began) < 15*time.Second; audits++ {
		for _, f := range sidecar.Audit().Findings {
			t.Errorf("audit %d, while rows change: %s: %s", audits, findingLine(f), f.Detail)
		}
	}
	inDatabase(t, server.Admin(), honestDatabase, `SET SESSION sql_log_bin = 0`, `UPDATE c SET v = 666 WHERE id = 1`)
	sidecar.Audit()
	group.Wait()
	t.Logf("%d cascades, %d audits", cascades, audits)
	seen := auditedAfter(t, server, sidecar)
	for line, detail := range seen {
		if !strings.HasSuffix(line, " honest.c 1 v") {
			t.Errorf("after that: %s: %s", line, detail)
		}
	}
	if len(seen) == 0 {
		t.Error("an unrecorded edit of a row that changes all the time was not found")
	}
}

// TestManyCascadesWhileTheSidecarIsStoppedAreFollowedOnMariaDB: it reads no row until
// it has read of them all.
func TestManyCascadesWhileTheSidecarIsStoppedAreFollowedOnMariaDB(t *testing.T) {
	if testing.Short() {
		t.Skip("runs a server, a chain and a sidecar")
	}
	server := mariadbtest.Start(t, mariadbtest.Options{})
	sidecar := sidecartest.NewSidecar(t, sidecartest.StartChain(t, 1), holeSource(t, server, []hole{cascading()}))
	sidecar.Start()
	sidecar.Covered()
	sidecar.Stop()
	var statements []string
	for range 12_000 {
		statements = append(statements, `UPDATE p SET k = k + 10 WHERE id = 1`)
		if len(statements)%4 == 0 {
			statements = append(statements, `UPDATE c SET v = v + 1 WHERE id = 3`)
		}
	}
	inDatabase(t, server.Admin(), honestDatabase, statements...)
	inDatabase(t, server.Admin(), honestDatabase, `SET SESSION sql_log_bin = 0`, `UPDATE e SET note = 'forged' WHERE id = 1`)
	sidecar.Start()
	seen := auditedAfter(t, server, sidecar)
	for line, detail := range seen {
		if !strings.HasSuffix(line, " honest.e 1 note") {
			t.Errorf("%s: %s", line, detail)
		}
	}
	if len(seen) == 0 {
		t.Error("an unrecorded edit among them was not found")
	}
}

// cascading are tables of rows that refer to p, in a column, in their key, and over
// another table.
func cascading() hole {
	return hole{tables: []sidecartest.Table{{Name: "p"}, {Name: "c"}, {Name: "d"}, {Name: "e"}}, before: []string{
		`CREATE TABLE p (id INT PRIMARY KEY, k INT UNIQUE, v INT)`,
		`CREATE TABLE c (id INT PRIMARY KEY, k INT, v INT, FOREIGN KEY (k) REFERENCES p (k) ON UPDATE CASCADE ON DELETE SET NULL)`,
		`CREATE TABLE d (k INT PRIMARY KEY, v INT, FOREIGN KEY (k) REFERENCES p (k) ON UPDATE CASCADE ON DELETE CASCADE)`,
		`CREATE TABLE e (id INT PRIMARY KEY, k INT, note VARCHAR(20), FOREIGN KEY (k) REFERENCES d (k) ON UPDATE CASCADE ON DELETE SET NULL)`,
		`INSERT INTO p VALUES (1, 1, 1), (2, 2, 2)`, `INSERT INTO c VALUES (1, 1, 1), (2, 2, 2), (3, 1, 3)`,
		`INSERT INTO d VALUES (1, 1), (2, 2)`, `INSERT INTO e VALUES (1, 1, 'e'), (2, 2, 'e')`}}
}

// repeat runs statements over and over in one session of the honest database until
// ctx ends, and returns how often.
func repeat(ctx context.Context, t *testing.T, db *sql.DB, statements ...string) (n int) {
	conn, err := db.Conn(t.Context())
	if err != nil {
		t.Error(err)
		return 0
	}
	defer conn.Close()
	if _, err := conn.ExecContext(t.Context(), "USE "+honestDatabase); err != nil {
		t.Error(err)
		return 0
	}
	for ; ctx.Err() == nil; n++ {
		for _, q := range append(statements, `DO SLEEP(0.001)`) { // about what a server does that waits for its disk
			if _, err := conn.ExecContext(t.Context(), q); err != nil {
				t.Errorf("%s: %v", q, err)
				return n
			}
		}
	}
	return n
}
