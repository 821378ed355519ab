package mysql_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/emrbchain/emrbchain/plugins/mysql"
	"github.com/emrbchain/emrbchain/plugins/tap"
)

// certificate writes a certificate for 127.0.0.1 that signs itself, and its key.
func certificate(t *testing.T) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, b []byte) string {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", cert), write("key.pem", "PRIVATE KEY", secret)
}

func TestEncryptedConnections(t *testing.T) {
	t.Parallel()
	cert, key := certificate(t)
	s := start(t, "--ssl-cert="+cert, "--ssl-key="+key)
	s.Exec("CREATE TABLE emr.t (id INT PRIMARY KEY)", "ALTER USER tap@'%' REQUIRE SSL")
	for _, settings := range []map[string]any{{"tls": "required"}, {"tls": "verify", "tls_ca": cert}} {
		m := mysql.New()
		if err := m.Open(t.Context(), tap.Config{Settings: section(t, s, settings), Tables: []string{"emr.t"}}); err != nil {
			t.Fatalf("Open with %v: %v", settings, err)
		}
		r := stream(t, m, nil)
		s.Exec("REPLACE INTO emr.t VALUES (1)", "DELETE FROM emr.t")
		r.awaitChanges(t, 2)
		r.end(t)
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, settings := range []map[string]any{{"tls": "off"}, {"tls": "verify"}} {
		problems(t, tap.Config{Settings: section(t, s, settings), Tables: []string{"emr.t"}})
	}
}
