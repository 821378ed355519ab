package api

// PatientSearch asks other members whether they know a patient.
type PatientSearch struct {
	Identifiers []PatientQuery `json:"identifiers"` // of one person; 1 to 4
	Purpose     string         `json:"purpose"`     // a code of HL7's v3-ActReason
	Members     []string       `json:"members,omitempty"`
	By          string         `json:"by,omitempty"` // who asks, for the log
}

// SearchNoAnswer is where a member gave no answer; others are yes, no and refused.
const SearchNoAnswer = "none"

// SearchResult is what the members say.
type SearchResult struct {
	Query   string         `json:"query"` // id, 32 hex digits
	Answers []SearchAnswer `json:"answers"`
}

// SearchAnswer is what one member says.
type SearchAnswer struct {
	Member string `json:"member"`
	Answer string `json:"answer"`
	Reason string `json:"reason,omitempty"` // of a no that is not final, a refusal or none
}

// PeersStatus is how this sidecar and those of other members speak to each other.
type PeersStatus struct {
	Endpoint string `json:"endpoint"` // by which others reach it
	// Published says that the chain has that endpoint and this sidecar's keys.
	Published bool   `json:"published"`
	Problem   string `json:"problem,omitempty"` // why it does not
}
