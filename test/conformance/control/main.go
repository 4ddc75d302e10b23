// The control of the conformance suite: go-control-plane's server over its snapshot cache, told by HTTP what to serve.
//
//	control [-ads]    prints {"xds": "host:port", "control": "host:port"} and serves until its standard input ends
//
// POST /set {"node": ID, "resources": {TYPE_URL: {NAME: BASE64}}} replaces what a node is served. The versions of snapshots are
// hashes of their contents, as the protocol wants versions to be. -ads makes the cache one for aggregated streams.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sort"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	clusterservice "github.com/envoyproxy/go-control-plane/envoy/service/cluster/v3"
	discovery "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	endpointservice "github.com/envoyproxy/go-control-plane/envoy/service/endpoint/v3"
	extensionservice "github.com/envoyproxy/go-control-plane/envoy/service/extension/v3"
	listenerservice "github.com/envoyproxy/go-control-plane/envoy/service/listener/v3"
	routeservice "github.com/envoyproxy/go-control-plane/envoy/service/route/v3"
	secretservice "github.com/envoyproxy/go-control-plane/envoy/service/secret/v3"
	"github.com/envoyproxy/go-control-plane/pkg/cache/types"
	"github.com/envoyproxy/go-control-plane/pkg/cache/v3"
	"github.com/envoyproxy/go-control-plane/pkg/log"
	resource "github.com/envoyproxy/go-control-plane/pkg/resource/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/config"
	"github.com/envoyproxy/go-control-plane/pkg/server/sotw/v3"
	"github.com/envoyproxy/go-control-plane/pkg/server/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

type byID struct{}

func (byID) ID(node *corev3.Node) string { return node.GetId() }

type setting struct {
	Node      string                       `json:"node"`
	Resources map[string]map[string][]byte `json:"resources"`
}

func blank(typeURL string) types.Resource {
	switch typeURL {
	case resource.ClusterType:
		return &clusterv3.Cluster{}
	case resource.EndpointType:
		return &endpointv3.ClusterLoadAssignment{}
	case resource.ListenerType:
		return &listenerv3.Listener{}
	case resource.RouteType:
		return &routev3.RouteConfiguration{}
	case resource.SecretType:
		return &tlsv3.Secret{}
	case resource.ExtensionConfigType:
		return &corev3.TypedExtensionConfig{}
	}
	return nil
}

func snapshotOf(set setting) (*cache.Snapshot, error) {
	snapshot := &cache.Snapshot{}
	for typeURL, entries := range set.Resources {
		names := make([]string, 0, len(entries))
		for name := range entries {
			names = append(names, name)
		}
		sort.Strings(names)
		hash := sha256.New()
		all := make([]types.Resource, 0, len(names))
		for _, name := range names {
			one := blank(typeURL)
			if one == nil {
				return nil, fmt.Errorf("unknown type %s", typeURL)
			}
			if err := proto.Unmarshal(entries[name], one); err != nil {
				return nil, err
			}
			fmt.Fprintf(hash, "%d %s %d ", len(name), name, len(entries[name]))
			hash.Write(entries[name])
			all = append(all, one)
		}
		snapshot.Resources[cache.GetResponseType(typeURL)] = cache.NewResources(hex.EncodeToString(hash.Sum(nil)[:8]), all)
	}
	return snapshot, nil
}

func main() {
	ads := flag.Bool("ads", false, "for aggregated streams")
	flag.Parse()
	ctx := context.Background()
	snapshots := cache.NewSnapshotCache(*ads, byID{}, log.LoggerFuncs{})
	var options []config.XDSOption
	if *ads {
		options = append(options, sotw.WithOrderedADS())
	}
	xds := server.NewServer(ctx, snapshots, nil, options...)
	services := grpc.NewServer()
	discovery.RegisterAggregatedDiscoveryServiceServer(services, xds)
	clusterservice.RegisterClusterDiscoveryServiceServer(services, xds)
	endpointservice.RegisterEndpointDiscoveryServiceServer(services, xds)
	secretservice.RegisterSecretDiscoveryServiceServer(services, xds)
	listenerservice.RegisterListenerDiscoveryServiceServer(services, xds)
	routeservice.RegisterRouteDiscoveryServiceServer(services, xds)
	extensionservice.RegisterExtensionConfigDiscoveryServiceServer(services, xds)

	http.HandleFunc("POST /set", func(answer http.ResponseWriter, request *http.Request) {
		var set setting
		if err := json.NewDecoder(request.Body).Decode(&set); err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		snapshot, err := snapshotOf(set)
		if err != nil {
			http.Error(answer, err.Error(), http.StatusBadRequest)
			return
		}
		if err := snapshots.SetSnapshot(ctx, set.Node, snapshot); err != nil {
			http.Error(answer, err.Error(), http.StatusInternalServerError)
		}
	})
	grpcListener, httpListener := listen(), listen()
	go func() { _ = services.Serve(grpcListener) }()
	go func() { _ = http.Serve(httpListener, nil) }()
	fmt.Printf("{\"xds\": %q, \"control\": %q}\n", grpcListener.Addr(), httpListener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

func listen() net.Listener {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return listener
}
