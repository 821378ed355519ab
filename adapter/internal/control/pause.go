package control

import (
	"net/http"
	"time"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

func (h *Handler) pause(w http.ResponseWriter, r *http.Request) error {
	var request api.PauseRequest
	if err := readBody(r, &request, `{"for": "2h"}, or nothing to pause until it is resumed`); err != nil {
		return err
	}
	var lasts time.Duration
	if request.For != "" {
		var err error
		if lasts, err = time.ParseDuration(request.For); err != nil || lasts <= 0 {
			return badRequest("for is not a duration above 0", `write "for": "2h" or "90m", or leave it out to pause until it is resumed`)
		}
	}
	paused, err := h.sidecar.Pause(r.Context(), lasts)
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, paused)
	return nil
}

func (h *Handler) resume(w http.ResponseWriter, r *http.Request) error {
	if err := readBody(r, &struct{}{}, "nothing, or {}"); err != nil {
		return err
	}
	resumed, err := h.sidecar.Resume(r.Context())
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, resumed)
	return nil
}
