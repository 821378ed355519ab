package rules

import "errors"

// A Code is why a transaction was refused, as it travels in ABCI responses. 0
// is an accepted transaction. A code never changes its meaning.
type Code uint32

// The codes; the sentinel of the same name says what each means.
const (
	CodeOK                   Code = 0
	CodeMalformed            Code = 1
	CodeTooLarge             Code = 2
	CodeWrongChain           Code = 3
	CodeUnknownKind          Code = 4
	CodeUnknownMember        Code = 5
	CodeBadSignature         Code = 6
	CodeBadLogID             Code = 7
	CodeBadLogKey            Code = 8
	CodeLogExists            Code = 9
	CodeUnknownLog           Code = 10
	CodeWrongIncarnation     Code = 11
	CodeWrongKey             Code = 12
	CodeBadCheckpoint        Code = 13
	CodeRewound              Code = 14
	CodeReplayed             Code = 15
	CodeForked               Code = 16
	CodeOldSize              Code = 17
	CodeBadProof             Code = 18
	CodeProofTooLong         Code = 19
	CodeStaleHeartbeat       Code = 20
	CodeHeartbeatAhead       Code = 21
	CodeBadContact           Code = 22
	CodeWrongSequence        Code = 23
	CodeBadTerms             Code = 24
	CodeGrantExists          Code = 25
	CodeUnknownGrant         Code = 26
	CodeSameMember           Code = 27
	CodeNotCustodian         Code = 28
	CodeNotRecipient         Code = 29
	CodeNotParty             Code = 30
	CodeGranted              Code = 31
	CodeNotGranted           Code = 32
	CodeRejected             Code = 33
	CodeRevoked              Code = 34
	CodeExpired              Code = 35
	CodeExhausted            Code = 36
	CodeNotYetActive         Code = 37
	CodeDisclosed            Code = 38
	CodeDisclosureAhead      Code = 39
	CodeOverScope            Code = 40
	CodeUnknownDisclosure    Code = 41
	CodeWrongManifest        Code = 42
	CodeAcknowledged         Code = 43
	CodeTooManyRequests      Code = 44
	CodeNoBreakGlass         Code = 45
	CodeGlassTooLong         Code = 46
	CodeGlassCap             Code = 47
	CodeJustificationOverdue Code = 48
	CodeNoGlass              Code = 49
	CodeJustified            Code = 50
	CodeNotJustified         Code = 51
	CodeReviewed             Code = 52
	CodeQuota                Code = 53
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
	// ErrBadTerms: a purpose, a reason, a time or a number of uses is out of
	// range. Mend the request or the grant.
	ErrBadTerms = &Refusal{CodeBadTerms, "bad terms"}
	// ErrGrantExists: the id is taken: a repeat, or not random. Ask for the grant
	// to see if it is yours.
	ErrGrantExists = &Refusal{CodeGrantExists, "grant exists"}
	// ErrUnknownGrant: no grant has this id.
	ErrUnknownGrant = &Refusal{CodeUnknownGrant, "unknown grant"}
	// ErrSameMember: custodian and recipient are the same.
	ErrSameMember = &Refusal{CodeSameMember, "a member asks itself"}
	// ErrNotCustodian: only the custodian may do this.
	ErrNotCustodian = &Refusal{CodeNotCustodian, "not the custodian of the grant"}
	// ErrNotRecipient: only the recipient may do this.
	ErrNotRecipient = &Refusal{CodeNotRecipient, "not the recipient of the grant"}
	// ErrNotParty: only custodian and recipient may do this.
	ErrNotParty = &Refusal{CodeNotParty, "not a party to the grant"}
	// ErrGranted: it was granted before, and is no request any more. To end it,
	// revoke it.
	ErrGranted = &Refusal{CodeGranted, "grant is granted already"}
	// ErrNotGranted: the custodian has not granted it. A custodian rejects a
	// request.
	ErrNotGranted = &Refusal{CodeNotGranted, "grant is requested only"}
	// ErrRejected: the custodian refused it. Ask anew, with a new id.
	ErrRejected = &Refusal{CodeRejected, "grant is rejected"}
	// ErrRevoked: custodian or recipient ended it: disclose nothing more.
	ErrRevoked = &Refusal{CodeRevoked, "grant is revoked"}
	// ErrExpired: its time is over: disclose nothing more.
	ErrExpired = &Refusal{CodeExpired, "grant is expired"}
	// ErrExhausted: it was disclosed as often as granted: disclose nothing more.
	ErrExhausted = &Refusal{CodeExhausted, "grant is exhausted"}
	// ErrNotYetActive: its time has not come. Try again then.
	ErrNotYetActive = &Refusal{CodeNotYetActive, "grant is not active yet"}
	// ErrDisclosed: a disclosure of this number is on the chain. Ask for it to see
	// if it is this one.
	ErrDisclosed = &Refusal{CodeDisclosed, "disclosure is replayed"}
	// ErrDisclosureAhead: a number was left out. Ask for the grant and take the
	// next.
	ErrDisclosureAhead = &Refusal{CodeDisclosureAhead, "disclosure is not the next one"}
	// ErrOverScope: it is made under another scope than the granted one. Disclose
	// nothing.
	ErrOverScope = &Refusal{CodeOverScope, "disclosure is over the scope"}
	// ErrUnknownDisclosure: the grant has no disclosure of this number. What came
	// with it was not disclosed: raise an alarm.
	ErrUnknownDisclosure = &Refusal{CodeUnknownDisclosure, "unknown disclosure"}
	// ErrWrongManifest: the disclosure of this number is of something else than
	// came. Raise an alarm.
	ErrWrongManifest = &Refusal{CodeWrongManifest, "wrong manifest"}
	// ErrAcknowledged: harmless as a late repeat.
	ErrAcknowledged = &Refusal{CodeAcknowledged, "disclosure is acknowledged already"}
	// ErrTooManyRequests: the custodian has not answered earlier ones. Wait, or
	// withdraw some.
	ErrTooManyRequests = &Refusal{CodeTooManyRequests, "too many requests wait"}
	// ErrNoBreakGlass: ask for a grant.
	ErrNoBreakGlass = &Refusal{CodeNoBreakGlass, "custodian permits no breaking of the glass"}
	// ErrGlassTooLong: ask for as many hours as the custodian's contact permits.
	ErrGlassTooLong = &Refusal{CodeGlassTooLong, "glass broken for longer than permitted"}
	// ErrGlassCap: MaxBrokenGlasses in 24 hours are reached.
	ErrGlassCap = &Refusal{CodeGlassCap, "glass broken too often"}
	// ErrJustificationOverdue: justify what was broken before.
	ErrJustificationOverdue = &Refusal{CodeJustificationOverdue, "justification is overdue"}
	// ErrNoGlass: the grant was requested, so there is nothing to justify or
	// review.
	ErrNoGlass = &Refusal{CodeNoGlass, "no glass was broken"}
	// ErrJustified: harmless as a late repeat.
	ErrJustified = &Refusal{CodeJustified, "glass is justified already"}
	// ErrNotJustified: review it once it is, or once that is overdue.
	ErrNotJustified = &Refusal{CodeNotJustified, "glass is not justified yet"}
	// ErrReviewed: a review is final.
	ErrReviewed = &Refusal{CodeReviewed, "glass is reviewed already"}
	// ErrQuota: the member has as much in this block as it may. Try again after
	// it.
	ErrQuota = &Refusal{CodeQuota, "quota of a block is used up"}
)

// Refusals returns all refusals in the order of their codes.
func Refusals() []*Refusal {
	return []*Refusal{
		ErrMalformed, ErrTooLarge, ErrWrongChain, ErrUnknownKind, ErrUnknownMember,
		ErrBadSignature, ErrBadLogID, ErrBadLogKey, ErrLogExists, ErrUnknownLog,
		ErrWrongIncarnation, ErrWrongKey, ErrBadCheckpoint, ErrRewound, ErrReplayed,
		ErrForked, ErrOldSize, ErrBadProof, ErrProofTooLong, ErrStaleHeartbeat,
		ErrHeartbeatAhead, ErrBadContact, ErrWrongSequence,
		ErrBadTerms, ErrGrantExists, ErrUnknownGrant, ErrSameMember, ErrNotCustodian,
		ErrNotRecipient, ErrNotParty, ErrGranted, ErrNotGranted, ErrRejected,
		ErrRevoked, ErrExpired, ErrExhausted, ErrNotYetActive, ErrDisclosed,
		ErrDisclosureAhead, ErrOverScope, ErrUnknownDisclosure, ErrWrongManifest,
		ErrAcknowledged, ErrTooManyRequests, ErrNoBreakGlass, ErrGlassTooLong,
		ErrGlassCap, ErrJustificationOverdue, ErrNoGlass, ErrJustified, ErrNotJustified,
		ErrReviewed, ErrQuota,
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
