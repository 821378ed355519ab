package config_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
)

var update = flag.Bool("update", false, "write the errors that bad files give now")

// Each file of testdata/bad has one kind of mistake (many.yaml: several) and
// beside it the whole text that the operator reads.
func TestEveryMistakeIsToldWithPlaceReasonAndMend(t *testing.T) {
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	if len(files) < 30 {
		t.Fatalf("only %d bad examples found", len(files))
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = config.Parse(filepath.Base(file), text)
			if err == nil {
				t.Fatal("no error")
			}
			compareGolden(t, strings.TrimSuffix(file, ".yaml")+".txt", err.Error()+"\n")
			checkProblems(t, err)
		})
	}
}

func compareGolden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("error differs (-want +got):\n%s", diff)
	}
}

func checkProblems(t *testing.T, err error) {
	t.Helper()
	var all *config.Error
	if !errors.As(err, &all) {
		t.Fatalf("error is a %T", err)
	}
	for _, p := range all.Problems {
		if p.Line < 1 || p.Column < 1 || p.Thing == "" || p.Reason == "" || p.Mend == "" {
			t.Errorf("incomplete problem %+v", p)
		}
	}
	if strings.Contains(err.Error(), "hunter2") {
		t.Error("the error repeats a secret")
	}
}

func TestMinimalFileHasTheDefaults(t *testing.T) {
	got, err := config.Load("testdata/good/minimal.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := config.Default()
	want.Log.WrappingKeyFile, want.Log.LogKeyFile = "wrapping.key", "log.key"
	want.Chain.ID, want.Chain.RPC, want.Chain.Member = "demo", "http://127.0.0.1:26657", "north-hospital"
	want.Chain.MemberKeyFile, want.Chain.LogID = "member.key", "00112233445566778899aabbccddeeff"
	want.Source = config.Source{Name: "clinic", Tap: "sqlite", Tables: []config.Table{{Name: "patients", Patient: config.Patient{Column: "id"}}}}
	want.HTTP.Listen = ""
	if diff := cmp.Diff(&want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestFullFileFillsEveryField(t *testing.T) {
	got, err := config.Load("testdata/good/full.yaml")
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Log: config.Log{Directory: "/srv/emrbchain/log", WrappingKeyFile: "/etc/emrbchain/wrapping.key",
			LogKeyFile: "/etc/emrbchain/log.key"},
		Chain: config.Chain{ID: "region-1", RPC: "http://node.example.org:26657/", Member: "north-hospital",
			MemberKeyFile: "member.key", LogID: "00112233445566778899aabbccddeeff",
			TrustFile: "/etc/emrbchain/trust.json", Cadence: 90 * time.Second, PadTo: 1},
		Source: config.Source{Name: "openemr", Tap: "vendor-tap",
			Manifest: "/opt/vendor/manifest.json", MaxRowsPerSecond: 5000,
			Settings: []byte(`{"host":"db.example.org","password_file":"db.password","port":3306,` +
				`"tls":{"mode":"verify","names":["db","db2"]}}`),
			Tables: []config.Table{{Name: "openemr.patient_data", Patient: config.Patient{Column: "pid"}},
				{Name: "openemr.amendments_history", Patient: config.Patient{Column: "amendment_id", To: "openemr.amendments"}},
				{Name: "openemr.amendments", Patient: config.Patient{Column: "pid"}, ClinicalDate: "amendment_date",
					LateAfter: 7 * 24 * time.Hour, Final: config.Final{Column: "amendment_status", Values: []string{"approved", "rejected"},
						After: 36 * time.Hour, MayChange: []string{"modified_by", "modified_time"}}},
				{Name: "openemr.codes", Nobody: true}}},
		Patients: config.Patients{SiteKeyFile: "site.key", Opaque: []string{"https://north.example/mrn"},
			Epochs: []config.Epoch{{Number: 3, KeyFile: "epoch-3.key"}, {Number: 4, KeyFile: "epoch-4.key"}},
			Identities: []config.Identity{{Table: "openemr.patient_data", Where: []config.Where{{Column: "active", Values: []string{"1"}}},
				Identifiers: []config.Identifier{{Column: "ss", System: "http://hl7.org/fhir/sid/us-ssn"},
					{Column: "pubpid", System: "https://north.example/mrn", Where: []config.Where{{Column: "kind", Values: []string{"A", "B"}}}}},
				Weak: config.Weak{Name: []string{"fname", "lname"}, BirthDate: "DOB", Sex: "sex"}}}},
		Peers: config.Peers{Listen: "[::]:8471", Endpoint: "emr.north.example:8471", TLSKeyFile: "tls.key",
			RecipientKeyFiles: []config.SecretFile{"recipient.key", "p256.key"},
			Answers: []config.Answers{{Member: "south", Purposes: []string{"TREAT", "ETREAT"}, MaxPerDay: 500},
				{Member: "*", Purposes: []string{"ETREAT"}, MaxPerDay: 20}}},
		Audit:   config.Audit{Every: time.Hour, ChunkRows: 500},
		HTTP:    config.HTTP{Listen: "[::1]:9000", TokenFile: "http.token"},
		Control: config.Control{Socket: "/run/other/control.sock"},
		Logging: config.Logging{Level: "debug", Format: "console"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestLoadRefusesWhatIsNoFile(t *testing.T) {
	if _, err := config.Load(t.TempDir()); err == nil {
		t.Error("a directory was read")
	}
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, make([]byte, 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(large); err == nil {
		t.Error("a file of 2 MiB was read")
	}
}

func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*/*.yaml")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("fuzz.yaml", text)
		var all *config.Error
		if err != nil && (!errors.As(err, &all) || len(all.Problems) == 0) {
			t.Fatalf("error %T without problems", err)
		}
		if err == nil && len(c.Source.Tables) == 0 {
			t.Fatal("accepted without a table")
		}
	})
}
