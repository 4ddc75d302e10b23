// Issues SVIDs as any CA in Go does, with x509.CreateCertificate, and says what they cost; or reads those of another and verifies them.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net/url"
	"os"
	"runtime"
	"syscall"
	"time"
)

const id = "spiffe://bench.example/cell/cell-1/service/api"

// The same as in the control plane's own: the host that an SVID is bound to.
var nodeKey = pkix.Extension{Id: asn1.ObjectIdentifier{2, 25, 815473625}, Value: append([]byte{4, 32}, make([]byte, 32)...)}

func main() {
	mode := flag.String("mode", "given", "given, made, or verify: certificates on standard input, leaf, intermediate, root, in turns")
	count := flag.Int("count", 10000, "how many")
	flag.Parse()
	// Of one core is the question.
	runtime.GOMAXPROCS(1)
	if *mode == "verify" {
		verify()
		return
	}
	ca := newAuthority()
	keys := make([]*ecdsa.PrivateKey, 1000)
	for i := range keys {
		keys[i] = newKey()
	}
	issue := func(i int) {
		key := keys[i%len(keys)]
		if *mode == "made" {
			key = newKey()
		}
		chain := ca.issue(&key.PublicKey)
		if *mode == "made" {
			der, err := x509.MarshalPKCS8PrivateKey(key)
			check(err)
			chain = append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), chain...)
		}
		if len(chain) < 100 {
			panic("nothing was issued")
		}
	}
	for i := 0; i < *count/2; i++ {
		issue(i)
	}
	before, began := cpu(), time.Now()
	for i := 0; i < *count; i++ {
		issue(i)
	}
	check(json.NewEncoder(os.Stdout).Encode(map[string]float64{
		"count": float64(*count), "cpuMs": cpu() - before, "wallMs": float64(time.Since(began).Microseconds()) / 1000,
	}))
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority() authority {
	key := newKey()
	template := &x509.Certificate{
		SerialNumber: serial(), Subject: pkix.Name{Organization: []string{"Cellwall"}, CommonName: "bench issuer"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
		SubjectKeyId: keyID(&key.PublicKey),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(err)
	certificate, err := x509.ParseCertificate(der)
	check(err)
	return authority{certificate, key, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})}
}

// issue answers the chain, PEM.
func (ca authority) issue(public *ecdsa.PublicKey) []byte {
	uri, err := url.Parse(id)
	check(err)
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: serial(), NotBefore: now.Add(-10 * time.Minute), NotAfter: now.Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:        []*url.URL{uri}, SubjectKeyId: keyID(public), ExtraExtensions: []pkix.Extension{nodeKey},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.certificate, public, ca.key)
	check(err)
	return append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), ca.pem...)
}

func newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	return key
}

func keyID(public *ecdsa.PublicKey) []byte {
	point, err := public.Bytes()
	check(err)
	sum := sha1.Sum(point)
	return sum[:]
}

func serial() *big.Int {
	bytes := make([]byte, 16)
	_, err := rand.Read(bytes)
	check(err)
	return new(big.Int).SetBytes(append([]byte{1}, bytes...))
}

// verify takes certificates in threes. Each has to be an SVID for both sides of a connection, to the letter.
func verify() {
	input := os.Stdin
	var text []byte
	buffer := make([]byte, 1<<16)
	for {
		n, err := input.Read(buffer)
		text = append(text, buffer[:n]...)
		if err != nil {
			break
		}
	}
	verified := 0
	for {
		chain := make([]*x509.Certificate, 0, 3)
		for len(chain) < 3 {
			var block *pem.Block
			block, text = pem.Decode(text)
			if block == nil {
				break
			}
			certificate, err := x509.ParseCertificate(block.Bytes)
			check(err)
			chain = append(chain, certificate)
		}
		if len(chain) == 0 {
			break
		}
		leaf, intermediates, roots := chain[0], x509.NewCertPool(), x509.NewCertPool()
		intermediates.AddCert(chain[1])
		roots.AddCert(chain[2])
		for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
			_, err := leaf.Verify(x509.VerifyOptions{Roots: roots, Intermediates: intermediates, KeyUsages: []x509.ExtKeyUsage{usage}})
			check(err)
		}
		switch {
		case len(leaf.URIs) != 1 || leaf.URIs[0].Scheme != "spiffe":
			panic(fmt.Sprint("URIs: ", leaf.URIs))
		case leaf.IsCA || !leaf.BasicConstraintsValid || leaf.KeyUsage != x509.KeyUsageDigitalSignature || len(leaf.ExtKeyUsage) != 2:
			panic("usage")
		case string(leaf.AuthorityKeyId) != string(chain[1].SubjectKeyId) || len(leaf.SubjectKeyId) != 20:
			panic("key identifiers")
		case leaf.Version != 3 || leaf.SerialNumber.Sign() <= 0 || leaf.SerialNumber.BitLen() < 64 || len(leaf.UnhandledCriticalExtensions) > 0:
			panic("version, serial or extensions")
		}
		verified++
	}
	fmt.Println(verified)
}

// cpu: milliseconds of this process so far.
func cpu() float64 {
	var usage syscall.Rusage
	check(syscall.Getrusage(syscall.RUSAGE_SELF, &usage))
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e6
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
