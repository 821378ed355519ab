package client_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/emrbchain/emrbchain/chain/client"
)

// hostile is a node that answers each method with what it is given, as JSON.
func hostile(t *testing.T, answers map[string]string) *client.Client {
	t.Helper()
	return dial(t, func(w http.ResponseWriter, r *http.Request) {
		var q struct {
			ID     json.RawMessage
			Method string
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(body, &q) != nil {
			return
		}
		fmt.Fprintf(w, `{"jsonrpc":"2.0","id":%s,%s}`, q.ID, answers[q.Method])
	})
}

func dial(t *testing.T, serve http.HandlerFunc) *client.Client {
	t.Helper()
	server := httptest.NewServer(serve)
	t.Cleanup(server.Close)
	c, err := client.Dial(server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const statusAnswer = `"result":{"node_info":{"network":"c"},"sync_info":{"latest_block_height":"5"}}`

func TestEndlessAnswerIsCutOff(t *testing.T) {
	const most = 64 << 20
	var sent atomic.Int64
	done := make(chan struct{})
	c := dial(t, func(w http.ResponseWriter, _ *http.Request) {
		defer close(done)
		chunk := make([]byte, 1<<20)
		for sent.Load() < 4*most {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	})
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("an endless answer is taken")
	}
	<-done
	if sent.Load() > most {
		t.Errorf("%d MiB were read", sent.Load()>>20)
	}
}

func TestNodeDoesNotChooseWhomIsAsked(t *testing.T) {
	var asked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Store(true) }))
	defer other.Close()
	c := dial(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
	})
	if _, err := c.Status(t.Context()); err == nil || asked.Load() {
		t.Errorf("redirected: asked %v, %v", asked.Load(), err)
	}
}

func TestWordsOfANodeAreShortAndPrintable(t *testing.T) {
	words := `\u001b[2J\nsidecar   ready` + strings.Repeat("x", 10_000)
	for name, answers := range map[string]map[string]string{
		"error":  {"status": `"error":{"code":-1,"message":"` + words + `"}`},
		"chain":  {"status": `"result":{"node_info":{"network":"` + words + `"}}`},
		"answer": {"status": statusAnswer, "abci_query": `"result":{"response":{"code":9,"log":"` + words + `"}}`},
	} {
		_, _, err := hostile(t, answers).ForChain("c").Log(t.Context(), "l")
		if err == nil || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%s: %.400q", name, err)
		}
	}
}

// CometBFT's types panic about such validators.
func TestImpossibleValidatorsAreRefused(t *testing.T) {
	const key = `"pub_key":{"type":"tendermint/PubKeyEd25519","value":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`
	one := func(power string) string { return `{` + key + `,"voting_power":"` + power + `"}` }
	for name, list := range map[string]string{
		"null":           `null`,
		"no key":         `{"voting_power":"1"}`,
		"no power":       one("0"),
		"negative power": one("-1"),
		"too much":       one("9223372036854775807"),
		"sum too much":   one("1152921504606846974") + `,` + one("1152921504606846974"),
		"without end":    one("1") + strings.Repeat(`,`+one("1"), 99),
	} {
		c := hostile(t, map[string]string{
			"status":     statusAnswer,
			"validators": `"result":{"total":"1000000000","validators":[` + list + `]}`,
			"commit":     `"result":{"signed_header":{"header":{"height":"5"},"commit":{"height":"5"}}}`,
		})
		if _, err := c.Status(t.Context()); err == nil {
			t.Errorf("%s: status is taken", name)
		}
		if _, err := c.LightBlock(t.Context(), 5); err == nil {
			t.Errorf("%s: light block is taken", name)
		}
	}
}
