package control

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"github.com/emrbchain/emrbchain/adapter/internal/control/api"
)

// Orders are what officers have the sidecar do.
type Orders interface {
	// PrepareOrder returns an order file to be signed.
	PrepareOrder(ctx context.Context, request api.OrderRequest) ([]byte, error)
	// CarryOut carries out a signed order file. Given again, it says what came of it.
	CarryOut(ctx context.Context, file []byte) (*api.Certificate, error)
	RegisterOfficer(ctx context.Context, request api.OfficerRequest) (*api.Officers, error)
	Officers(ctx context.Context) (*api.Officers, error)
}

func (h *Handler) prepareOrder(w http.ResponseWriter, r *http.Request) error {
	var request api.OrderRequest
	if err := readBody(r, &request, `{"kind": "erase", "patient": "KEY", "reason": "TEXT"}`); err != nil {
		return err
	}
	file, err := h.sidecar.PrepareOrder(r.Context(), request)
	if err != nil {
		return err
	}
	writeBytes(w, http.StatusOK, "application/cbor", file)
	return nil
}

func (h *Handler) carryOut(w http.ResponseWriter, r *http.Request) error {
	file, err := io.ReadAll(r.Body)
	if err != nil {
		return badRequest("the order broke off, or is too large", "send the file as emrbchain officer sign wrote it")
	}
	certificate, err := h.sidecar.CarryOut(r.Context(), file)
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, certificate)
	return nil
}

func (h *Handler) officers(w http.ResponseWriter, r *http.Request) error {
	officers, err := h.sidecar.Officers(r.Context())
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, officers)
	return nil
}

func (h *Handler) registerOfficer(w http.ResponseWriter, r *http.Request) error {
	var request api.OfficerRequest
	if err := readBody(r, &request, `{"name": "NAME", "key": "64 HEX DIGITS"}`); err != nil {
		return err
	}
	officers, err := h.sidecar.RegisterOfficer(r.Context(), request)
	if err != nil {
		return err
	}
	WriteJSON(w, http.StatusOK, officers)
	return nil
}

// PrepareOrder asks for an order file to be signed.
func (c *Client) PrepareOrder(ctx context.Context, request api.OrderRequest) ([]byte, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return c.ask(ctx, http.MethodPost, "/v1/orders/prepare", body)
}

// CarryOut has a signed order file carried out.
func (c *Client) CarryOut(ctx context.Context, file []byte) (*api.Certificate, error) {
	return decode[api.Certificate](c.ask(ctx, http.MethodPost, "/v1/orders", file))
}

// RegisterOfficer puts an officer's key on record.
func (c *Client) RegisterOfficer(ctx context.Context, request api.OfficerRequest) (*api.Officers, error) {
	body, err := json.Marshal(request)
	if err != nil {
		return nil, fmt.Errorf("write request: %w", err)
	}
	return decode[api.Officers](c.ask(ctx, http.MethodPost, "/v1/officers", body))
}

// Officers asks for the officers on record.
func (c *Client) Officers(ctx context.Context) (*api.Officers, error) {
	return get[api.Officers](ctx, c, "/v1/officers")
}
