package ingest

import (
	"context"

	"github.com/emrbchain/emrbchain/plugins/tap"
)

// The queue between the tap's stream and the log: while a batch is being
// synced the next one gathers here, and a full queue holds the tap back.
const (
	queueEvents = 8192
	batchEvents = 4096
)

// event is one of a stream's events.
type event struct {
	change *tap.Change
	commit *tap.Commit
	fence  *tap.Fence
	gap    *tap.Gap
	schema *tap.SchemaChange
}

// queue is the Sink that the tap writes to.
type queue struct {
	ctx    context.Context
	events chan event
}

var _ tap.Sink = queue{}

func (q queue) push(e event) error {
	select {
	case q.events <- e:
		return nil
	case <-q.ctx.Done():
		return context.Cause(q.ctx)
	}
}

func (q queue) Change(c tap.Change) error {
	c.Detach()
	return q.push(event{change: &c})
}
func (q queue) Commit(c tap.Commit) error       { return q.push(event{commit: &c}) }
func (q queue) Fence(f tap.Fence) error         { return q.push(event{fence: &f}) }
func (q queue) Gap(g tap.Gap) error             { return q.push(event{gap: &g}) }
func (q queue) Schema(c tap.SchemaChange) error { return q.push(event{schema: &c}) }

// next waits for an event and takes what else is queued, up to a batch.
func (q queue) next(buffer []event) ([]event, error) {
	select {
	case e := <-q.events:
		buffer = append(buffer, e)
	case <-q.ctx.Done():
		return nil, context.Cause(q.ctx)
	}
	for len(buffer) < batchEvents {
		select {
		case e := <-q.events:
			buffer = append(buffer, e)
		default:
			return buffer, nil
		}
	}
	return buffer, nil
}
