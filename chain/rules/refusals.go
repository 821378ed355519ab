package rules

import "errors"

// A Code is why a transaction was refused, as it travels in ABCI responses. 0
// is an accepted transaction. A code never changes its meaning.
type Code uint32

// The codes; the sentinel of the same name says what each means.
const (
	CodeOK               Code = 0
	CodeMalformed        Code = 1
	CodeTooLarge         Code = 2
	CodeWrongChain       Code = 3
	CodeUnknownKind      Code = 4
	CodeUnknownMember    Code = 5
	CodeBadSignature     Code = 6
	CodeBadLogID         Code = 7
	CodeBadLogKey        Code = 8
	CodeLogExists        Code = 9
	CodeUnknownLog       Code = 10
	CodeWrongIncarnation Code = 11
	CodeWrongKey         Code = 12
	CodeBadCheckpoint    Code = 13
	CodeRewound          Code = 14
	CodeReplayed         Code = 15
	CodeForked           Code = 16
	CodeOldSize          Code = 17
	CodeBadProof         Code = 18
	CodeProofTooLong     Code = 19
	CodeStaleHeartbeat   Code = 20
	CodeHeartbeatAhead   Code = 21
	CodeBadContact       Code = 22
	CodeWrongSequence    Code = 23
)

// Codespace names these codes in ABCI responses.
const Codespace = "emrbchain"

// A Refusal is the reason for which a transaction is refused. Each is a
// sentinel: compare with errors.Is.
type Refusal struct {
	Code Code
	text string
}

// Error returns the reason in words.
func (r *Refusal) Error() string { return r.text }

// The refusals, with advice for the one who gets them.
var (
	// ErrMalformed: the bytes are no canonical transaction. A bug of the sender.
	ErrMalformed = &Refusal{CodeMalformed, "malformed transaction"}
	// ErrTooLarge: more than MaxTx bytes. A bug of the sender.
	ErrTooLarge = &Refusal{CodeTooLarge, "transaction too large"}
	// ErrWrongChain: made for another chain. The configuration names the wrong one.
	ErrWrongChain = &Refusal{CodeWrongChain, "wrong chain"}
	// ErrUnknownKind: this chain does not know such transactions. The sender's
	// program is newer than the chain's.
	ErrUnknownKind = &Refusal{CodeUnknownKind, "unknown kind of transaction"}
	// ErrUnknownMember: no member has this id.
	ErrUnknownMember = &Refusal{CodeUnknownMember, "unknown member"}
	// ErrBadSignature: a signature does not verify under the key that it names.
	ErrBadSignature = &Refusal{CodeBadSignature, "bad signature"}
	// ErrBadLogID: a log id is 32 lower-case hexadecimal digits.
	ErrBadLogID = &Refusal{CodeBadLogID, "bad log id"}
	// ErrBadLogKey: the key is no canonical Ed25519 note verifier key that is
	// named by the log's origin at incarnation 0.
	ErrBadLogKey = &Refusal{CodeBadLogKey, "bad log key"}
	// ErrLogExists: the log is registered. Ask for it to see if it is yours.
	ErrLogExists = &Refusal{CodeLogExists, "log is already registered"}
	// ErrUnknownLog: register the log first.
	ErrUnknownLog = &Refusal{CodeUnknownLog, "log is not registered"}
	// ErrWrongIncarnation: the log was reset since, or the sender restored an
	// older store. Stop, and ask for the log.
	ErrWrongIncarnation = &Refusal{CodeWrongIncarnation, "wrong incarnation of the log"}
	// ErrWrongKey: the checkpoint is not signed by the registered key.
	ErrWrongKey = &Refusal{CodeWrongKey, "checkpoint is not signed with the log's registered key"}
	// ErrBadCheckpoint: the note is no checkpoint in its canonical form.
	ErrBadCheckpoint = &Refusal{CodeBadCheckpoint, "bad checkpoint"}
	// ErrRewound: the checkpoint is behind the head, at a size that was never
	// anchored. The sender's store is older than the chain: stop, never retry.
	ErrRewound = &Refusal{CodeRewound, "log is rewound"}
	// ErrReplayed: an anchor that the chain accepted before it accepted a longer
	// one. Harmless as a late repeat; if the sender thinks that it is the newest,
	// its store is older than the chain.
	ErrReplayed = &Refusal{CodeReplayed, "old anchor is replayed"}
	// ErrForked: another root at a size that is anchored. The log was rewritten
	// or lives twice: stop, raise an alarm, keep both checkpoints.
	ErrForked = &Refusal{CodeForked, "log is forked"}
	// ErrOldSize: the proof starts from another size than the chain holds. Ask
	// for the log and prove from its head.
	ErrOldSize = &Refusal{CodeOldSize, "proof is from another size than the head"}
	// ErrBadProof: the checkpoint does not extend the head. The log was
	// rewritten below the head: stop and raise an alarm.
	ErrBadProof = &Refusal{CodeBadProof, "checkpoint does not extend the head"}
	// ErrProofTooLong: more hashes than a proof can have.
	ErrProofTooLong = &Refusal{CodeProofTooLong, "proof is too long"}
	// ErrStaleHeartbeat: seen before, or older than HeartbeatWindow blocks. Make
	// a new one.
	ErrStaleHeartbeat = &Refusal{CodeStaleHeartbeat, "stale heartbeat"}
	// ErrHeartbeatAhead: names a block that is not there yet. The node that was
	// asked for the height is ahead of this one: try again.
	ErrHeartbeatAhead = &Refusal{CodeHeartbeatAhead, "heartbeat names a block of the future"}
	// ErrBadContact: the endpoint or a recipient key is none. Mend what is published.
	ErrBadContact = &Refusal{CodeBadContact, "bad contact"}
	// ErrWrongSequence: the contact is not the next one: a repeat of an old one,
	// or somebody else published with the member's key. Ask for the contact.
	ErrWrongSequence = &Refusal{CodeWrongSequence, "contact is not the next one"}
)

// Refusals returns all refusals in the order of their codes.
func Refusals() []*Refusal {
	return []*Refusal{
		ErrMalformed, ErrTooLarge, ErrWrongChain, ErrUnknownKind, ErrUnknownMember,
		ErrBadSignature, ErrBadLogID, ErrBadLogKey, ErrLogExists, ErrUnknownLog,
		ErrWrongIncarnation, ErrWrongKey, ErrBadCheckpoint, ErrRewound, ErrReplayed,
		ErrForked, ErrOldSize, ErrBadProof, ErrProofTooLong, ErrStaleHeartbeat,
		ErrHeartbeatAhead, ErrBadContact, ErrWrongSequence,
	}
}

// RefusalOf returns the refusal that an error is. ok is false for any other
// error, which then comes from the state or the system, not from the rules.
func RefusalOf(err error) (r *Refusal, ok bool) {
	ok = errors.As(err, &r)
	return r, ok
}

// Refused returns the refusal of a code. ok is false for a code that this
// version of the rules does not have.
func Refused(code Code) (r *Refusal, ok bool) {
	all := Refusals()
	if code == CodeOK || int(code) > len(all) {
		return nil, false
	}
	return all[code-1], true
}
