package mysql

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/go-mysql-org/go-mysql/mysql"
	"github.com/go-mysql-org/go-mysql/replication"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// checkFilters looks whether databases are left out of the log, where the
// account may ask.
func (c *inspection) checkFilters(ctx context.Context) error {
	check := tap.Check{Thing: "databases left out of the binary log", State: tap.CheckOK, Found: "none"}
	rows, err := queryStrings(ctx, c.db, c.dialect.logEnd)
	if err != nil {
		check.State, check.Found = tap.CheckUnknown, ""
		check.Reason = "the account may not ask for them"
		check.SQL = []string{c.grantMonitor()}
		c.add(check)
		return nil
	}
	var do, ignore string
	if len(rows) > 0 && len(rows[0]) >= 4 {
		do, ignore = rows[0][2], rows[0][3]
	}
	if do == "" && ignore == "" {
		c.add(check)
	}
	c.refuseFilter("binlog_do_db", do, "changes of other databases are not logged, and USE decides which")
	c.refuseFilter("binlog_ignore_db", ignore, "changes of these databases are not logged, and USE decides which")
	return nil
}

func (c *inspection) refuseFilter(option, value, reason string) {
	if value != "" {
		c.add(tap.Check{Thing: "option " + option, State: tap.CheckFail, Found: value, Reason: reason,
			Mend: "remove " + option + " from my.cnf and restart the server"})
	}
}

func (c *inspection) grantMonitor() string {
	return "GRANT " + c.dialect.monitor + " ON *.* TO " + c.server.account.String()
}

// A logUse is how much the server writes to its binary log.
type logUse struct {
	bytes int64
	files int
	since time.Time // when the oldest file was begun
	now   time.Time
}

// minRateTime is how long a log must have been kept to tell a rate.
const minRateTime = 10 * time.Minute

// perSecond is the mean rate in bytes; ok is false while the log is too young.
func (u *logUse) perSecond() (rate float64, ok bool) {
	age := u.now.Sub(u.since)
	return float64(u.bytes) / age.Seconds(), age >= minRateTime
}

// checkRetention compares how long the server keeps its log with the longest
// outage of the sidecar that is to be survived without a gap.
func (c *inspection) checkRetention(ctx context.Context) error {
	kept, name := c.retention()
	check := tap.Check{Thing: "binary log kept for", State: tap.CheckOK, Found: "ever, until somebody purges it"}
	outage := c.settings.outage
	if kept > 0 {
		check.Found = fmt.Sprintf("%s (%s)", inHours(kept), name)
	}
	if kept > 0 && kept < outage {
		check.State = tap.CheckWarn
		check.Reason = "if the sidecar stands still for " + inHours(outage) + " (survive_outage), what was purged is a gap, and all tables are read anew"
		check.SQL = []string{fmt.Sprintf("SET GLOBAL %s=%d", name, retentionValue(name, outage))}
		check.Mend = "and in my.cnf, to last"
	}
	use, err := c.readLogUse(ctx)
	if err != nil {
		c.add(check)
		c.add(tap.Check{Thing: "size of the binary log", State: tap.CheckUnknown, Reason: "the account may not ask for it",
			SQL: []string{c.grantMonitor()}})
		return nil
	}
	c.checkLogSize(&check, use)
	c.add(check)
	c.add(tap.Check{Thing: "size of the binary log", State: tap.CheckOK, Found: use.describe(outage)})
	return nil
}

// checkLogSize looks at a limit of the log's size, which newer servers have.
func (c *inspection) checkLogSize(check *tap.Check, use *logUse) {
	limit, err := strconv.ParseInt(c.server.variables["max_binlog_total_size"], 10, 64)
	rate, known := use.perSecond()
	if err != nil || limit == 0 || !known {
		return
	}
	lasts := time.Duration(float64(limit)/rate) * time.Second
	if lasts >= c.settings.outage {
		return
	}
	need := int64(rate * c.settings.outage.Seconds())
	check.State = tap.CheckWarn
	check.Reason = fmt.Sprintf("max_binlog_total_size=%d is full after %s at the measured rate: what is purged then is a gap", limit, inHours(lasts))
	check.SQL = append(check.SQL, fmt.Sprintf("SET GLOBAL max_binlog_total_size=%d", need))
	check.Mend = "and in my.cnf, to last"
}

// retention returns for how long the server keeps its log, 0 for ever, and by
// which variable.
func (c *inspection) retention() (kept time.Duration, variable string) {
	if text, ok := c.server.variables["binlog_expire_logs_seconds"]; ok {
		seconds, _ := strconv.ParseInt(text, 10, 64)
		return time.Duration(seconds) * time.Second, "binlog_expire_logs_seconds"
	}
	days, _ := strconv.ParseFloat(c.server.variables["expire_logs_days"], 64)
	return time.Duration(days * float64(24*time.Hour)), "expire_logs_days"
}

func retentionValue(variable string, outage time.Duration) int64 {
	if variable == "expire_logs_days" {
		return int64((outage + 24*time.Hour - 1) / (24 * time.Hour))
	}
	return int64(outage / time.Second)
}

// describe tells size and rate, and what an outage would take.
func (u *logUse) describe(outage time.Duration) string {
	text := fmt.Sprintf("%s in %d files since %s", inBytes(float64(u.bytes)), u.files, u.since.UTC().Format("2006-01-02 15:04 UTC"))
	if rate, ok := u.perSecond(); ok {
		text += fmt.Sprintf(": %s a day; %s take %s", inBytes(rate*86400), inHours(outage), inBytes(rate*outage.Seconds()))
	}
	return text
}

// readLogUse asks for the files of the log, and the oldest for its beginning.
func (c *inspection) readLogUse(ctx context.Context) (*logUse, error) {
	rows, err := queryStrings(ctx, c.db, "SHOW BINARY LOGS")
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, errors.New("there is no binary log")
	}
	use := &logUse{files: len(rows), now: c.now()}
	for _, r := range rows {
		size, err := strconv.ParseInt(r[1], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("size of a binary log: %w", err)
		}
		use.bytes += size
	}
	use.since, err = c.beginning(ctx, rows[0][0])
	return use, err
}

// beginning returns when a file of the log was begun: its first event says so,
// and only a replica gets to see it.
func (c *inspection) beginning(ctx context.Context, file string) (time.Time, error) {
	config := syncerConfig(c.settings, c.dialect, nil)
	config.ServerID = randomServerID()
	syncer := replication.NewBinlogSyncer(config)
	defer syncer.Close()
	streamer, err := syncer.StartSync(mysql.Position{Name: file, Pos: 4})
	if err != nil {
		return time.Time{}, fmt.Errorf("read the beginning of the binary log: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, dialPatience)
	defer cancel()
	for {
		event, err := streamer.GetEvent(ctx)
		if err != nil {
			return time.Time{}, fmt.Errorf("read the beginning of the binary log: %w", err)
		}
		if _, ok := event.Event.(*replication.FormatDescriptionEvent); ok && event.Header.Timestamp > 0 {
			return time.Unix(int64(event.Header.Timestamp), 0), nil
		}
	}
}

// inHours writes a duration in hours and minutes.
func inHours(d time.Duration) string {
	hours, minutes := int(d/time.Hour), int(d%time.Hour/time.Minute)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case hours == 0:
		return fmt.Sprintf("%d min", minutes)
	case minutes == 0:
		return fmt.Sprintf("%d h", hours)
	}
	return fmt.Sprintf("%d h %d min", hours, minutes)
}

// inBytes writes a size in the unit that leaves up to three digits.
func inBytes(n float64) string {
	units := []string{"B", "kB", "MB", "GB", "TB"}
	i := 0
	for n >= 1000 && i < len(units)-1 {
		n /= 1000
		i++
	}
	if n < 10 && i > 0 {
		return fmt.Sprintf("%.1f %s", n, units[i])
	}
	return fmt.Sprintf("%.0f %s", n, units[i])
}
