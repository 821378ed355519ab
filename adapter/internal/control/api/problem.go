package api

import "net/http"

// Problem is an error as RFC 9457 has it, with the mend as an extension. Its
// type is about:blank, so its title is the status code's name.
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`         // the thing and the reason
	Mend   string `json:"mend,omitempty"` // what to do
}

// NewProblem returns the problem of an HTTP status.
func NewProblem(status int, detail, mend string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Mend: mend}
}

// Error writes the detail and the mend.
func (p *Problem) Error() string {
	text := p.Detail
	if text == "" {
		text = p.Title
	}
	if p.Mend != "" {
		text += "; " + p.Mend
	}
	return text
}
