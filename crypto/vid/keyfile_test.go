package vid_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/vid"
)

func TestKeyFilesAreReadBackAndNothingElseIs(t *testing.T) {
	v := readVectors(t)
	keyed, site := deriver(t, &v)
	epoch, own := string(vid.FormatKeyed(keyed)), string(vid.FormatSite(site))
	readKeyed, err := vid.ParseKeyed(strings.NewReader(epoch))
	if err != nil {
		t.Fatal(err)
	}
	readSite, err := vid.ParseSite(strings.NewReader(own))
	if err != nil {
		t.Fatal(err)
	}
	if readKeyed.Epoch() != keyed.Epoch() || !bytes.Equal(vid.FormatKeyed(readKeyed), []byte(epoch)) || !bytes.Equal(vid.FormatSite(readSite), []byte(own)) {
		t.Fatal("a key is read as another")
	}
	if keyed.KeyID() != v.KeyID || site.KeyID() != v.SiteKeyID {
		t.Errorf("ids %s and %s", keyed.KeyID(), site.KeyID())
	}
	other := strings.NewReplacer(fmt.Sprintf("Epoch: %d", v.Epoch), "Epoch: 9")
	for name, text := range map[string]string{"another epoch": other.Replace(epoch), "no epoch": strings.Replace(epoch, "Epoch", "Epic", 1),
		"a site's key": own, "two keys": epoch + epoch, "nothing": "", "another id": strings.Replace(epoch, "Id: ", "Id: 0", 1)} {
		if _, err := vid.ParseKeyed(strings.NewReader(text)); !errors.Is(err, keys.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, text := range map[string]string{"an epoch's key": epoch, "two keys": own + own, "another id": strings.Replace(own, "Id: ", "Id: 0", 1)} {
		if _, err := vid.ParseSite(strings.NewReader(text)); !errors.Is(err, keys.ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzKeyFiles: what is read as a key is written and read as the same one.
func FuzzKeyFiles(f *testing.F) {
	v := readVectors(f)
	keyed, site := deriver(f, &v)
	f.Add(vid.FormatKeyed(keyed))
	f.Add(vid.FormatSite(site))
	f.Fuzz(func(t *testing.T, b []byte) {
		if k, err := vid.ParseKeyed(bytes.NewReader(b)); err == nil {
			if again, err := vid.ParseKeyed(bytes.NewReader(vid.FormatKeyed(k))); err != nil || again.KeyID() != k.KeyID() || k.Epoch() > vid.MaxEpoch {
				t.Errorf("an epoch's key is written as another: %v", err)
			}
		} else if !errors.Is(err, keys.ErrKey) {
			t.Error(err)
		}
		if s, err := vid.ParseSite(bytes.NewReader(b)); err == nil {
			if again, err := vid.ParseSite(bytes.NewReader(vid.FormatSite(s))); err != nil || again.KeyID() != s.KeyID() {
				t.Errorf("a site's key is written as another: %v", err)
			}
		} else if !errors.Is(err, keys.ErrKey) {
			t.Error(err)
		}
	})
}
