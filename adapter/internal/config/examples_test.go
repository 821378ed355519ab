package config_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/adapter/internal/config"
	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/sqlite"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

const examples = "../../../configs"

func TestEveryExampleOfConfigsIsSound(t *testing.T) {
	files, _ := filepath.Glob(examples + "/*.yaml")
	if len(files) < 5 {
		t.Fatalf("only %d examples found", len(files))
	}
	taps := map[string]tap.Tap{"mysql": mysql.New(), "sqlite": sqlite.New()}
	for _, file := range files {
		c, err := config.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if taps[c.Source.Tap] == nil {
			t.Errorf("%s: there is no built-in tap %s", file, c.Source.Tap)
			continue
		}
		checkSettings(t, file, c.Source.Settings, taps[c.Source.Tap].Describe().Schema)
	}
}

// checkSettings demands that the tap knows each setting of an example.
func checkSettings(t *testing.T, file string, settings, schema json.RawMessage) {
	t.Helper()
	var given map[string]any
	var known struct{ Properties map[string]any }
	if err := json.Unmarshal(settings, &given); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(schema, &known); err != nil {
		t.Fatal(err)
	}
	for name := range given {
		if known.Properties[name] == nil {
			t.Errorf("%s: the tap has no setting %s", file, name)
		}
	}
}

// The reference tells of every field, and where it says that a line shows the
// default, it does.
func TestReferenceIsCompleteAndItsDefaultsAreTrue(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(examples, "emrbchain.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for section := range reflect.TypeFor[config.Config]().Fields() {
		for field := range section.Type.Fields() {
			name := field.Tag.Get("yaml") + ": "
			if !strings.Contains(string(text), "\n  "+name) && !strings.Contains(string(text), "\n  # "+name) &&
				!strings.Contains(string(text), "\n  "+strings.TrimSpace(name)+"\n") {
				t.Errorf("%s.%s is not in the reference", section.Tag.Get("yaml"), name)
			}
		}
	}
	plain, err := config.Parse("reference", text)
	if err != nil {
		t.Fatal(err)
	}
	shown, err := config.Parse("reference", []byte(uncommentDefaults(string(text))))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(plain, shown) {
		t.Errorf("a default that the reference shows is not the default:\n%+v\n%+v", plain, shown)
	}
}

// uncommentDefaults turns the lines that show a default into fields; those of
// choices without a default stay.
func uncommentDefaults(text string) string {
	for _, name := range []string{"directory", "cadence", "pad_to", "every", "chunk_rows", "max_rows_per_second", "listen", "socket: /run/emrbchain/", "level", "format"} {
		text = strings.ReplaceAll(text, "\n  # "+name, "\n  "+name)
	}
	return text
}
