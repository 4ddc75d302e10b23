// The peer: an ADS server on go-control-plane with the workload that bench/xds/workload.ts writes. Shared resources are in linear caches
// behind a mux, each proxy's own secrets in a snapshot cache.
//
//	peer -workload FILE -nodes N [-tls DIR]
//
// Prints {"xds": "host:port", "control": "host:port"}; takes GET /change?kind=KIND&gen=G and GET /stats at `control`.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	"github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoregistry"

	_ "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	_ "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

type workload struct {
	Marker string `json:"marker"`
	Types  []struct {
		Kind      string `json:"kind"`
		TypeURL   string `json:"typeUrl"`
		Resources []struct {
			Name  string `json:"name"`
			Value string `json:"value"`
		} `json:"resources"`
	} `json:"types"`
	Secrets struct {
		Names []string `json:"names"`
		Chain string   `json:"chain"`
		Key   string   `json:"key"`
	} `json:"secrets"`
}

type byID struct{}

func (byID) ID(node *corev3.Node) string { return node.GetId() }

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "peer:", err)
		os.Exit(2)
	}
}

func decode(typeURL string, value []byte) types.Resource {
	kind, err := protoregistry.GlobalTypes.FindMessageByURL(typeURL)
	check(err)
	message := kind.New().Interface()
	check(proto.Unmarshal(value, message))
	return message
}

func main() {
	file := flag.String("workload", "", "the file with the resources")
	nodes := flag.Int("nodes", 300, "proxies")
	dir := flag.String("tls", "", "folder with ca.pem, server.pem and server-key.pem: mutual TLS")
	flag.Parse()
	text, err := os.ReadFile(*file)
	check(err)
	var work workload
	check(json.Unmarshal(text, &work))

	logger := log.LoggerFuncs{}
	snapshots := cache.NewSnapshotCache(true, byID{}, logger)
	caches := map[string]cache.Cache{resource.SecretType: snapshots}
	change := map[string]func(generation int){}
	for _, t := range work.Types {
		all := map[string]types.Resource{}
		var first []byte
		for i, r := range t.Resources {
			value, err := base64.StdEncoding.DecodeString(r.Value)
			check(err)
			if i == 0 {
				first = value
			}
			all[r.Name] = decode(t.TypeURL, value)
		}
		linear := cache.NewLinearCache(t.TypeURL, cache.WithInitialResources(all))
		caches[t.TypeURL] = linear
		name := t.Resources[0].Name
		change[t.Kind] = func(generation int) {
			marker := fmt.Sprintf("gen-%08d", generation)
			check(linear.UpdateResource(name, decode(t.TypeURL, bytes.ReplaceAll(first, []byte(work.Marker), []byte(marker)))))
		}
	}
	change["SDS"] = func(generation int) {
		for node := range *nodes {
			snapshot, err := cache.NewSnapshot(strconv.Itoa(generation), map[resource.Type][]types.Resource{resource.SecretType: secretsOf(&work, node, generation)})
			check(err)
			check(snapshots.SetSnapshot(context.Background(), fmt.Sprintf("node-%d", node), snapshot))
		}
	}
	change["SDS"](0)

	mux := &cache.MuxCache{
		Classify:      func(r *cache.Request) string { return r.GetTypeUrl() },
		ClassifyDelta: func(r *cache.DeltaRequest) string { return r.GetTypeUrl() },
		Caches:        caches,
	}
	options := []grpc.ServerOption{
		grpc.MaxConcurrentStreams(1 << 20),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 30 * time.Second, Timeout: 5 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}
	if *dir != "" {
		options = append(options, grpc.Creds(credentials.NewTLS(tlsOf(*dir))))
	}
	listener := grpc.NewServer(options...)
	discovery.RegisterAggregatedDiscoveryServiceServer(listener, server.NewServer(context.Background(), mux, nil))
	xds, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	control, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	var turn sync.Mutex
	http.HandleFunc("/change", func(w http.ResponseWriter, r *http.Request) {
		turn.Lock()
		defer turn.Unlock()
		generation, _ := strconv.Atoi(r.URL.Query().Get("gen"))
		change[r.URL.Query().Get("kind")](generation)
	})
	http.HandleFunc("/stats", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "{}") })
	go func() { check(http.Serve(control, nil)) }()
	fmt.Printf("{\"xds\":%q,\"control\":%q}\n", xds.Addr(), control.Addr())
	check(listener.Serve(xds))
}

func secretsOf(work *workload, node, generation int) []types.Resource {
	var all []types.Resource
	for _, name := range work.Secrets.Names {
		fill := func(template string) *corev3.DataSource {
			text := bytes.ReplaceAll([]byte(template), []byte(work.Marker), fmt.Appendf(nil, "gen-%08d", generation))
			text = bytes.ReplaceAll(text, []byte("node-00000000"), fmt.Appendf(nil, "node-%08d", node))
			return &corev3.DataSource{Specifier: &corev3.DataSource_InlineBytes{InlineBytes: text}}
		}
		all = append(all, &tlsv3.Secret{Name: name, Type: &tlsv3.Secret_TlsCertificate{TlsCertificate: &tlsv3.TlsCertificate{
			CertificateChain: fill(work.Secrets.Chain), PrivateKey: fill(work.Secrets.Key),
		}}})
	}
	return all
}

func tlsOf(dir string) *tls.Config {
	pair, err := tls.LoadX509KeyPair(dir+"/server.pem", dir+"/server-key.pem")
	check(err)
	pem, err := os.ReadFile(dir + "/ca.pem")
	check(err)
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}
}
