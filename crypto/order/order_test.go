package order

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/emrbchain/emrbchain/crypto/commit"
	"github.com/emrbchain/emrbchain/crypto/keys"
	"github.com/emrbchain/emrbchain/crypto/row"
)

const testLog = "emrbchain/test/00112233445566778899aabbccddeeff/0"

func officer(t testing.TB, seed byte) *keys.Member {
	t.Helper()
	return keys.NewMember((*[32]byte)(bytes.Repeat([]byte{seed}, 32)))
}

func erasure() *File {
	f := &File{Order: &Order{Log: testLog, ID: [IDSize]byte{1, 2}, Prepared: 1700000000000, Kind: Erase, Reason: "Art. 17, case 12"},
		Salt: [SaltSize]byte{9}, Cell: row.AppendCell(nil, row.NewInt(4711))}
	f.Order.Patient = PatientDigest(f.Salt, f.Cell)
	return f
}

func correction() *File {
	return &File{Order: &Order{Log: testLog, ID: [IDSize]byte{3}, Prepared: 1700000000000, Kind: Correct, Reason: "typing error",
		Table: "results", Key: row.AppendKey(nil, []row.Value{row.NewInt(5)}), Found: []Found{
			{Verdict: "altered", Leaf: 12, Version: 2, Columns: []string{"value", "unit"}, Present: [DigestSize]byte{1}},
			{Verdict: "unlogged insert", Leaf: commit.NoPrevious, Row: &[DigestSize]byte{7}}}}}
}

// signedCopy parses a file again, signed.
func signedCopy(t testing.TB, f *File, by *keys.Member) *File {
	t.Helper()
	out, err := ParseFile(f.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	out.Signed = Sign(out.Order.Append(nil), by, 1700000100000)
	return out
}

func TestFilesReadBackAsTheyWereWritten(t *testing.T) {
	for _, f := range []*File{erasure(), correction(), signedCopy(t, erasure(), officer(t, 1)), signedCopy(t, correction(), officer(t, 1))} {
		back, err := ParseFile(f.Append(nil))
		if err != nil || !reflect.DeepEqual(back, f) {
			t.Errorf("%v: %+v, not %+v", err, back, f)
		}
	}
	body := &Body{Signed: signedCopy(t, erasure(), officer(t, 1)).Signed, Owners: []uint64{2, 9}, Leaves: []uint64{4, 5, 70000}}
	if back, err := ParseBody(body.Append(nil)); err != nil || !reflect.DeepEqual(back, body) {
		t.Errorf("%v: %+v", err, back)
	}
}

// TestEveryChangedByteOfASignedOrderIsRefused: nothing in the file is outside of the
// signature or of a comparison.
func TestEveryChangedByteOfASignedOrderIsRefused(t *testing.T) {
	for _, f := range []*File{erasure(), correction()} {
		b := signedCopy(t, f, officer(t, 1)).Append(nil)
		for i := range b {
			for _, bit := range []byte{1, 0x80} {
				changed := bytes.Clone(b)
				changed[i] ^= bit
				if _, err := ParseFile(changed); err == nil {
					t.Fatalf("byte %d of a %s changed, and accepted", i, f.Order.Kind)
				}
			}
		}
	}
}

func TestASignatureServesForOneOrderAndOneOfficer(t *testing.T) {
	f := signedCopy(t, erasure(), officer(t, 1))
	for name, change := range map[string]func(s *Signed){
		"order":   func(s *Signed) { s.Order = correction().Order.Append(nil) },
		"officer": func(s *Signed) { copy(s.Officer[:], officer(t, 2).Public()) },
		"time":    func(s *Signed) { s.At++ },
	} {
		s := *f.Signed
		change(&s)
		if _, err := s.Verify(); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := erasure()
	other.Order.Reason = "another"
	other.Signed = f.Signed
	if _, err := ParseFile(other.Append(nil)); !errors.Is(err, ErrSignature) {
		t.Errorf("a signature of another order: %v", err)
	}
}

// TestAnOrderWithoutItsOpeningNamesNoPatient: what the log keeps of an erasure is the
// same for two patients but for a digest that the salt hides.
func TestAnOrderWithoutItsOpeningNamesNoPatient(t *testing.T) {
	f := erasure()
	if bytes.Contains(f.Order.Append(nil), f.Cell) {
		t.Error("the patient's key stands in the order")
	}
	salted := f.Order.Patient
	if salted == PatientDigest([SaltSize]byte{8}, f.Cell) {
		t.Error("the salt does not matter")
	}
}

func TestTheOfficerReadsWhatIsSigned(t *testing.T) {
	when := func(ms int64) string { return fmt.Sprint(ms) }
	for f, words := range map[*File][]string{
		erasure():    {"ERASE", "4711", "Art. 17, case 12", testLog, "cannot be undone"},
		correction(): {"CORRECTED", `"results"`, "5", "altered", "value", "version 2", "unlogged insert", "typing error"},
	} {
		text := f.Words(when)
		for _, w := range words {
			if !strings.Contains(text, w) {
				t.Errorf("%q is missing in\n%s", w, text)
			}
		}
	}
}

func FuzzOrderFile(f *testing.F) {
	for _, one := range []*File{erasure(), correction(), signedCopy(f, erasure(), officer(f, 1)), signedCopy(f, correction(), officer(f, 1))} {
		f.Add(one.Append(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		one, err := ParseFile(b)
		if err != nil {
			return
		}
		if !bytes.Equal(one.Append(nil), b) {
			t.Fatal("accepted in a second form")
		}
		one.Words(func(int64) string { return "" })
	})
}

func FuzzOrderBody(f *testing.F) {
	f.Add((&Body{Signed: signedCopy(f, erasure(), officer(f, 1)).Signed, Owners: []uint64{2, 9}, Leaves: []uint64{4, 5}}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if y, err := ParseBody(b); err == nil && !bytes.Equal(y.Append(nil), b) {
			t.Fatal("accepted in a second form")
		}
	})
}

func FuzzOfficer(f *testing.F) {
	f.Add((&Officer{Name: "Dr. Lee"}).Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := ParseOfficer(b); err == nil && !bytes.Equal(o.Append(nil), b) {
			t.Fatal("accepted in a second form")
		}
	})
}
