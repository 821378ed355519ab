package mysql

import (
	"context"
	"fmt"
	"strconv"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// calm returns tap.ErrBusy while more of the server's threads run than the
// setting max_threads_running allows: reads of whole tables then wait for those
// who use the EMR. The stream never does. A replica, and so the tap's own
// stream, counts as one that runs.
func (t *Tap) calm(ctx context.Context) error {
	most := t.settings.MaxThreadsRunning
	if most == 0 {
		return nil
	}
	rows, err := queryStrings(ctx, t.db, "SHOW GLOBAL STATUS LIKE 'Threads_running'")
	if err != nil {
		return fmt.Errorf("ask how many threads run: %w", err)
	}
	if len(rows) == 0 {
		return nil
	}
	if running, err := strconv.Atoi(rows[0][1]); err == nil && running > most {
		return fmt.Errorf("%w: %d threads run, above max_threads_running %d", tap.ErrBusy, running, most)
	}
	return nil
}
