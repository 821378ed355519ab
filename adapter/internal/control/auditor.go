package control

import (
	"context"
	"crypto/rand"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// maxAudits bounds how many finished audits are remembered with their reports.
// The record log has an entry of each, for ever.
const maxAudits = 20

// auditor runs one asked audit at a time, behind the requests that ask.
type auditor struct {
	run     func(context.Context, api.AuditRequest) (*api.AuditReport, error)
	now     func() time.Time
	ctx     context.Context
	cancel  context.CancelFunc
	running sync.WaitGroup

	mutex  sync.Mutex
	closed bool
	audits []*audit // the newest first
}

type audit struct {
	api.Audit               // guarded by the auditor's mutex
	done      chan struct{} // closed with its end
}

func newAuditor(run func(context.Context, api.AuditRequest) (*api.AuditReport, error), now func() time.Time) *auditor {
	a := &auditor{run: run, now: now}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

func (a *auditor) start(request api.AuditRequest) (api.Audit, error) {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if a.closed {
		return api.Audit{}, context.Canceled
	}
	if len(a.audits) > 0 && a.audits[0].State == api.AuditRunning {
		return api.Audit{}, api.NewProblem(http.StatusConflict, "an audit is running", "wait for it: GET /v1/audits/"+a.audits[0].ID)
	}
	one := &audit{Audit: api.Audit{ID: rand.Text(), State: api.AuditRunning, Request: request, Started: a.now().UTC()},
		done: make(chan struct{})}
	a.audits = slices.Insert(a.audits, 0, one)
	a.audits = a.audits[:min(len(a.audits), maxAudits)]
	a.running.Go(func() { a.work(one) })
	return one.Audit, nil
}

func (a *auditor) work(one *audit) {
	report, err := a.run(a.ctx, one.Request)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	finished := a.now().UTC()
	one.Finished = &finished
	if err != nil {
		one.State, one.Problem = api.AuditFailed, problem(err)
	} else {
		one.State, one.Report = api.AuditDone, report
	}
	close(one.done)
}

// wait returns an audit once it is done, or as it is when the time is over.
func (a *auditor) wait(ctx context.Context, id string, most time.Duration) (api.Audit, error) {
	one := a.find(id)
	if one == nil {
		return api.Audit{}, api.NewProblem(http.StatusNotFound, "there is no such audit since the sidecar started",
			"list them: GET /v1/audits")
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-one.done:
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	return one.Audit, nil
}

func (a *auditor) find(id string) *audit {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	for _, one := range a.audits {
		if one.ID == id {
			return one
		}
	}
	return nil
}

// list returns the audits without their reports.
func (a *auditor) list() []api.Audit {
	a.mutex.Lock()
	defer a.mutex.Unlock()
	list := make([]api.Audit, len(a.audits))
	for i, one := range a.audits {
		list[i] = one.Audit
		list[i].Report = nil
	}
	return list
}

func (a *auditor) close() {
	a.mutex.Lock()
	a.closed = true
	a.mutex.Unlock()
	a.cancel()
	a.running.Wait()
}
